"""What depends on an EMR release: which there are, and what they can do. Pure."""

import re
from typing import Any

from sparkdrop_local.emr.errors import validation
from sparkdrop_local.emr.releases import is_release
from sparkdrop_local.emr.serverless import words

_LABEL = re.compile(r"(?P<release>emr-(?:spark-)?(?P<major>\d+)\.(?P<minor>\d+)\.\d+)(?:-\w+)*")
_FIRST = (6, 6)
_SCHEDULER = (7, 0)
_SCHEDULER_BY_DEFAULT = (7, 3)
_BATCH_BOUNDED = (7, 11)
_RUNS = (1, 1_000)
_QUEUE_MINUTES = (15, 720)
_DEFAULT_SCHEDULER = {"maxConcurrentRuns": 15, "queueTimeoutMinutes": 360}


def check_release(engine: str, label: str) -> None:
    """Check that EMR Serverless has a release, or raise ValidationException."""
    found = _LABEL.fullmatch(label)
    if found is None or not is_release(found["release"]) or _read(label) < _FIRST:
        raise validation(words.UNSUPPORTED_RELEASE.format(type=engine.upper(), label=label))


def complete_scheduler(request: dict[str, Any]) -> dict[str, Any]:
    """Complete a request's scheduler: from 7.0.0 it can be asked for, from 7.3.0 every application has one.

    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/applications-concurrency-queuing.html

    Raises:
        EmrError: ValidationException for a release without it, or a value out of range.
    """
    release, asked = _read(request["releaseLabel"]), request.get("schedulerConfiguration")
    if asked is None and release < _SCHEDULER_BY_DEFAULT:
        return request
    if release < _SCHEDULER:
        raise validation("schedulerConfiguration is supported with release labels emr-7.0.0 and above.")
    scheduler = {**_DEFAULT_SCHEDULER, **(asked or {})}
    for name, (least, most) in (("maxConcurrentRuns", _RUNS), ("queueTimeoutMinutes", _QUEUE_MINUTES)):
        if not least <= scheduler[name] <= most:
            raise validation(f"{name} must be between {least} and {most}, not {scheduler[name]}.")
    return {**request, "schedulerConfiguration": scheduler}


def check_timeout(label: str, mode: str, minutes: int | None) -> int:
    """Check a job run's timeout, and give the one that holds; 0 is none.

    Raises:
        EmrError: ValidationException for one that is too short, or that the release no longer takes.
    """
    if minutes is None:
        return words.DEFAULT_TIMEOUT_MINUTES if mode == "BATCH" else 0
    if 0 < minutes < words.MIN_TIMEOUT_MINUTES:
        raise validation(f"RunTimeout must be at least {words.MIN_TIMEOUT_MINUTES} minutes.")
    is_bounded = mode == "BATCH" and _read(label) >= _BATCH_BOUNDED
    if is_bounded and not 0 < minutes <= words.MAX_TIMEOUT_MINUTES:
        raise validation(
            f"RunTimeout of a BATCH job run must be between {words.MIN_TIMEOUT_MINUTES} and "
            f"{words.MAX_TIMEOUT_MINUTES} minutes, not {minutes}."
        )
    return minutes


def _read(label: str) -> tuple[int, int]:
    found = _LABEL.fullmatch(label)
    return (int(found["major"]), int(found["minor"])) if found else (0, 0)

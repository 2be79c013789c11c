"""The single values of a pipeline file: names, keys, buckets, schedules, and what is accepted for each.

Each check raises ``ValueError`` with what was found and what is accepted; pydantic collects them.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from sparkdrop.core.patterns import has_wildcard

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
RESERVED_NAMES = {"maintenance": "the DAG that sweeps and reaps"}
MAX_NAME_LENGTH = 64
MAX_KEY_BYTES = 1024  # S3's limit on a key

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_S3_URI = re.compile(r"s3://([^/]+)/(.+)")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_LOCAL_PROGRAM = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?:py|jar)")


def suggest_name(text: str) -> str:
    """Make the nearest valid pipeline name of any text; empty where no letter or digit is in it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    name = f"p_{name}" if name and not name[0].isalpha() else name
    return f"{name}_files" if name in RESERVED_NAMES else name[:MAX_NAME_LENGTH].rstrip("_")


def check_name(value: str) -> str:
    """Check a pipeline's name: snake_case, since it is a DAG's id, a folder and part of a step's name.

    Raises:
        ValueError: It is not; the nearest valid name is suggested.
    """
    if value in RESERVED_NAMES:
        message = f"{value!r} is taken by {RESERVED_NAMES[value]}; try {suggest_name(value)!r}"
        raise ValueError(message)
    if not _NAME.fullmatch(value) or len(value) > MAX_NAME_LENGTH:
        near = suggest_name(value)
        advice = f"; try {near!r}" if near else ""
        message = (
            f"found {value!r}; accepted: snake_case, as in 'daily_sales', up to {MAX_NAME_LENGTH}{advice}"
        )
        raise ValueError(message)
    return value


def _scalar_to_text(value: object) -> object:
    """Write YAML's booleans and numbers as Spark and EMR want them: ``true``, ``8``."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _check_bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        message = f"found {value!r}; accepted: a bucket's bare name: 3 to 63 of a-z, 0-9, '.', '-'"
        raise ValueError(message)
    return value


def _check_pattern(value: str) -> str:
    if value.startswith("s3://"):
        message = (
            f"found {value!r}; accepted: a key without its bucket, as in 'flights/*.csv'; see arrival.bucket"
        )
        raise ValueError(message)
    if not value or value.startswith("/") or len(value.encode()) > MAX_KEY_BYTES:
        message = (
            f"found {value!r}; accepted: a key pattern as in 'flights/*.csv': not empty, no '/' in front"
        )
        raise ValueError(message)
    return value


def _check_schedule(value: str) -> str:
    # croniter is Airflow's own parser, so what passes here passes there; imported only where a schedule is
    from croniter import croniter  # type: ignore[import-untyped] # it ships no types

    if value in PRESETS or (len(value.split()) == 5 and croniter.is_valid(value)):  # noqa: PLR2004 - cron's 5 fields
        return value
    message = (
        f'found {value!r}; accepted: five cron fields, as in "0 6 * * *", or one of {", ".join(PRESETS)}'
    )
    raise ValueError(message)


def none_from_word(value: object) -> object:
    """Read the word ``none`` as YAML's null."""
    return None if value == "none" else value


def _check_program(value: str) -> str:
    if _S3_URI.fullmatch(value) or _LOCAL_PROGRAM.fullmatch(value):
        return value
    message = f"found {value!r}; accepted: a .py or .jar file in include/spark_jobs/, or s3://bucket/key"
    raise ValueError(message)


def _check_wait_key(value: str) -> str:
    bare = _JINJA.sub("", value)
    if has_wildcard(bare):
        # A deferred S3KeySensor with a wildcard matches files that it matched before.
        message = f"found {value!r}; accepted: one exact key without '*' and '?'; {{{{ ds }}}} may be in it"
        raise ValueError(message)
    if "{{" in bare or "}}" in bare:
        message = f"found {value!r}; a template's braces do not close"
        raise ValueError(message)
    found = _S3_URI.fullmatch(value)
    if found:
        if not _JINJA.search(found[1]):
            _check_bucket(found[1])
    elif not value or value.startswith(("/", "s3:")):
        message = f"found {value!r}; accepted: s3://bucket/key, or a key in the uploads bucket"
        raise ValueError(message)
    return value


def _check_prefix(value: str) -> str:
    if value.startswith(("/", "s3://", "_")) or "//" in value or not value.strip("/"):
        message = f"found {value!r}; accepted: a folder, as in 'flights/', with no '_' or '/' in front"
        raise ValueError(message)
    return value.rstrip("/") + "/"


Program = Annotated[str, AfterValidator(_check_program)]
Prefix = Annotated[str, AfterValidator(_check_prefix)]
Text = Annotated[str, BeforeValidator(_scalar_to_text)]
Bucket = Annotated[str, AfterValidator(_check_bucket)]
KeyPattern = Annotated[str, AfterValidator(_check_pattern)]
WaitKey = Annotated[str, AfterValidator(_check_wait_key)]
Schedule = Annotated[str, AfterValidator(_check_schedule)]

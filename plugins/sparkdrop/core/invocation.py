"""What an invocation is: one pipeline, run over one object or folder, because somebody asked for it."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from sparkdrop.core.access import drop_session
from sparkdrop.core.values import MAX_KEY_BYTES, MAX_NAME_LENGTH

# argparse takes --m for --manifest, and nothing after -- for an option
_MANIFEST = re.compile(r"--(?:m(?:a(?:n(?:i(?:f(?:e(?:st?)?)?)?)?)?)?(?:=.*)?)?", re.DOTALL)
_LOCATION = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)
_ID_BYTES = 16


class InvocationState(StrEnum):
    """Where an invocation stands. The last two are ends."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


def _check_location(value: str) -> str:
    found = _LOCATION.fullmatch(value)
    if found is None:
        raise ValueError("write s3://bucket/key, or s3://bucket/folder/ for all that is under it")
    if len(found[2].encode()) > MAX_KEY_BYTES:
        raise ValueError(f"the key is longer than S3's {MAX_KEY_BYTES} bytes")
    return value


def _check_argument(value: str) -> str:
    if "\0" in value:
        raise ValueError("no argument of a program can hold the character NUL")
    if _MANIFEST.fullmatch(value):
        raise ValueError(
            f"{value[:20]!r} would stand in the way of the batch's own --manifest: leave out --manifest, "
            "its abbreviations and a lone --"
        )
    return value


Argument = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_argument)]


class Invocation(BaseModel):
    """A request to run a pipeline.

    Attributes:
        pipeline: Its name.
        input: ``s3://bucket/key`` of one object, or ``s3://bucket/folder/`` for all objects under it.
        arguments: Added to the program's own (``job.arguments``).
        idempotency_key: The caller's name for this request: the same key again is the same invocation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
    input: Annotated[str, AfterValidator(_check_location)]
    arguments: Annotated[tuple[Argument, ...], Field(max_length=1_000)] = ()
    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]

    @property
    def bucket(self) -> str:
        """The input's bucket."""
        return self.input.removeprefix("s3://").partition("/")[0]

    @property
    def key(self) -> str:
        """The input's key or prefix, as S3 knows it."""
        return self.input.removeprefix("s3://").partition("/")[2]

    @property
    def is_prefix(self) -> bool:
        """Whether all objects under the key are meant."""
        return self.key.endswith("/")


def make_invocation_id(caller: str, pipeline: str, idempotency_key: str) -> str:
    """Make an invocation's id: the same for the same caller, pipeline and key, whenever it is asked for.

    A role counts as one caller, whatever its session is called: a restarted client repeats its requests under
    another session's name.
    """
    name = "\0".join((drop_session(caller), pipeline, idempotency_key))
    return hashlib.sha256(name.encode()).digest()[:_ID_BYTES].hex()

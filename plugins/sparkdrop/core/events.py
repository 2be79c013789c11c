"""What the arrivals queue holds: S3's "Object Created" events, and our own word that an invocation waits.

The shape: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html; our own follows it.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from sparkdrop.core.errors import NotAnArrivalError
from sparkdrop.core.uploads import Arrival

_MAX_BYTES = 2**63 - 1
"""Far over S3's largest object, and still a number that DynamoDB holds."""

_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""The times that a ULID and every time zone can express; S3 itself began in 2006."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Bucket(_Event):
    name: str = Field(min_length=1, max_length=255)


class _Object(_Event):
    key: str = Field(min_length=1, max_length=1024)
    size: int = Field(ge=0, le=_MAX_BYTES)
    etag: str | None = Field(default=None, max_length=1024)
    version_id: str | None = Field(default=None, alias="version-id", max_length=1024)

    @model_validator(mode="after")
    def _has_a_version(self) -> Self:
        """Without one, an overwrite could not be told from a redelivery, and would be lost."""
        if not self.etag and not self.version_id:
            raise ValueError("neither etag nor version-id tells the object's version")
        return self


class _Detail(_Event):
    bucket: _Bucket
    object: _Object


def _with_zone(value: object) -> object:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value


class _ObjectCreated(_Event):
    source: Literal["aws.s3"]
    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    time: Annotated[AwareDatetime, BeforeValidator(_with_zone), Field(ge=_EARLIEST, le=_LATEST)]
    detail: _Detail


class _Invoked(_Event):
    pipeline: str = Field(min_length=1, max_length=255)


class _InvocationRecorded(_Event):
    source: Literal["sparkdrop"]
    detail_type: Literal["Invocation Recorded"] = Field(alias="detail-type")
    detail: _Invoked


def build_wake_up(pipeline: str) -> str:
    """Build the message that an invocation of a pipeline is recorded: the ledger says which."""
    event = {"source": "sparkdrop", "detail-type": "Invocation Recorded", "detail": {"pipeline": pipeline}}
    return json.dumps(event)


def parse_wake_up(body: str) -> str | None:
    """Parse the message of an invocation: the answer is its pipeline, or None where it is something else."""
    if '"Invocation Recorded"' not in body:  # most are arrivals, and need not be read twice
        return None
    try:
        return _InvocationRecorded.model_validate_json(body).detail.pipeline
    except ValidationError:
        return None


def parse_arrival(body: str) -> Arrival:
    """Parse a queue message's body.

    Every reason of creation counts (PutObject, CopyObject, CompleteMultipartUpload, POST): a multipart upload
    ends with another one than a PUT. What the ledger could not hold (a number, time or text out of bounds)
    is refused here: one such message would hold up all that are read with it.

    Raises:
        NotAnArrivalError: the body is not such an event; the message says what is wrong with it.
    """
    try:
        event = _ObjectCreated.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:  # pydantic's error is a ValueError
        raise NotAnArrivalError(
            f'not an S3 "Object Created" event: {_first_line(error)}; the message starts with {body[:200]!r}'
        ) from error
    created = event.detail.object
    return Arrival(
        bucket=event.detail.bucket.name,
        key=created.key,
        version_id=created.version_id,
        etag=created.etag.strip('"') if created.etag else None,
        bytes=created.size,
        arrived_at=event.time,
    )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg']}"
    return str(error).splitlines()[0]

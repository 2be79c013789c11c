"""S3's "Object Created" events, as EventBridge puts them in the queue.

The shape: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sparkdrop.core.errors import NotAnArrivalError
from sparkdrop.core.uploads import Arrival


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Bucket(_Event):
    name: str


class _Object(_Event):
    key: str = Field(min_length=1)
    size: int = Field(default=0, ge=0)
    etag: str | None = None
    version_id: str | None = Field(default=None, alias="version-id")


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
    time: Annotated[datetime, BeforeValidator(_with_zone)]
    detail: _Detail


def parse_arrival(body: str) -> Arrival:
    """Parse a queue message's body.

    Every reason of creation counts (PutObject, CopyObject, CompleteMultipartUpload, POST): a multipart upload
    ends with another one than a PUT.

    Raises:
        NotAnArrivalError: the body is not such an event; the message says what is wrong with it.
    """
    try:
        event = _ObjectCreated.model_validate(json.loads(body))
    except (ValueError, ValidationError) as error:
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

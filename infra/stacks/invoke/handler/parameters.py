"""Parameters of calls, as more than one route takes them."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import AwareDatetime, BeforeValidator, StringConstraints

from .upload_models import (
    CONTENT_TYPE_PATTERN,
    SHA256_PATTERN,
    ULID_EXAMPLE,
    UploadStateName,
)

_EPOCH = datetime.fromtimestamp(0, UTC)
_MAX_CURSOR = 512
_MAX_PARTS_ASKED = 100


def _parse_time(value: object) -> object:
    """Refuse what pydantic takes for seconds since 1970, which the document does not tell of."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("write a time as ISO 8601, with its zone: 2026-03-01T12:00:00Z")
    return value


UploadId = Annotated[
    str, Path(description="the id of a link, or the ledger's id of an upload", examples=[ULID_EXAMPLE])
]
RunId = Annotated[str, Path(description="as POST /invoke has answered it", examples=["0f" * 16])]
Known = Annotated[
    str | None, Header(alias="If-None-Match", description="the ETag of what the caller has already")
]
Sha256 = Annotated[
    str, Query(pattern=SHA256_PATTERN, description="the content's SHA-256 in hex", examples=["0f" * 32])
]
ContentTypeAsked = Annotated[str, Query(pattern=CONTENT_TYPE_PATTERN, max_length=255)]
Size = Annotated[int, Query(ge=1, description="the file's size in bytes", examples=[1234])]
State = Annotated[UploadStateName | None, Query(description="only uploads in this state")]
Since = Annotated[
    AwareDatetime | None,
    BeforeValidator(_parse_time),
    Query(description="only uploads that are not older", examples=["2026-03-01T12:00:00Z"]),
]
Limit = Annotated[int, Query(ge=1, le=100, description="at most so many")]
CursorText = Annotated[
    str | None,
    Query(pattern="^[A-Za-z0-9_-]+$", max_length=_MAX_CURSOR, description="what the last page has answered"),
]
PartsAsked = Annotated[
    list[Annotated[str, StringConstraints(pattern="^[1-9][0-9]{0,4}:[0-9a-fA-F]{64}$")]],
    Query(
        max_length=_MAX_PARTS_ASKED,
        description="a part to upload next: its number, a colon, and its SHA-256 in hex; may be repeated",
        examples=[["1:" + "0f" * 32]],
    ),
]


def clamp_time(moment: datetime | None) -> datetime | None:
    """Bring a time to where ids begin: nothing is older than 1970."""
    return moment and max(moment, _EPOCH)

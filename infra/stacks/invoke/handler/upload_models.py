"""What requests and answers about uploads look like: what is checked, and what the document tells."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sparkdrop.core.links import MAX_FILENAME_LENGTH
from sparkdrop.core.values import MAX_NAME_LENGTH

# of RFC 9110, with what file types need of it: https://www.rfc-editor.org/rfc/rfc9110#section-8.3
_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,100}"
CONTENT_TYPE_PATTERN = rf'^{_WORD}/{_WORD}(; ?{_WORD}=("[\w .-]{{1,64}}"|{_WORD})){{0,2}}$'
SHA256_PATTERN = "^[0-9a-fA-F]{64}$"
DEFAULT_CONTENT_TYPE = "application/octet-stream"
ULID_EXAMPLE = "01KB2Z5V9M8Q4T6W7X3Y2Z1A0B"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

PipelineName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
Filename = Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILENAME_LENGTH)]
ContentType = Annotated[str, StringConstraints(pattern=CONTENT_TYPE_PATTERN, max_length=255)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]

UploadStateName = Literal[
    "AWAITING_UPLOAD",
    "EXPIRED",
    "CANCELLED",
    "PENDING",
    "CLAIMED",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "QUARANTINED",
    "UNROUTED",
]


def example(**fields: Any) -> ConfigDict:
    """Configure a model with an example of it."""
    # built when it is first used: a function that answers one call needs few of them
    return ConfigDict(defer_build=True, json_schema_extra={"examples": [fields]})


class NewUpload(BaseModel):
    """A file that shall come in parts."""

    model_config = example(pipeline="flights", filename="2026-03.csv", size=7_000_000_000) | {
        "extra": "forbid"
    }

    pipeline: PipelineName
    filename: Filename
    size: Annotated[int, Field(ge=1, description="the file's size in bytes; of 5 TiB at most")]
    content_type: ContentType = DEFAULT_CONTENT_TYPE


class Nothing(BaseModel):
    """A body that says nothing: `{}`, or none at all."""

    model_config = ConfigDict(defer_build=True, extra="forbid")


class UploadLink(BaseModel):
    """Leave to upload one file with one request."""

    model_config = example(
        upload_id=ULID_EXAMPLE,
        method="PUT",
        url="https://uploads.s3.eu-central-1.amazonaws.com/flights/...?X-Amz-Signature=...",
        headers={"Content-Type": "text/csv", "If-None-Match": "*"},
        expires_at="2026-03-01T12:15:00.000Z",
        state="AWAITING_UPLOAD",
        pipeline="flights",
        filename="2026-03.csv",
        size=1234,
    )

    upload_id: str
    method: Literal["PUT"] = "PUT"
    url: str
    headers: Annotated[
        dict[str, str], Field(description="every header to send with the PUT, beside Content-Length")
    ]
    expires_at: Time
    state: Literal["AWAITING_UPLOAD"] = "AWAITING_UPLOAD"
    pipeline: str
    filename: str
    size: int


class MultipartUpload(BaseModel):
    """Leave to upload one file in parts."""

    model_config = example(
        upload_id=ULID_EXAMPLE,
        part_size=8_388_608,
        part_count=835,
        expires_at="2026-03-03T12:00:00.000Z",
        state="AWAITING_UPLOAD",
        pipeline="flights",
        filename="2026-03.csv",
        size=7_000_000_000,
    )

    upload_id: str
    part_size: int
    part_count: int
    expires_at: Time
    state: Literal["AWAITING_UPLOAD"] = "AWAITING_UPLOAD"
    pipeline: str
    filename: str
    size: int


class ReceivedPart(BaseModel):
    """A part that S3 has."""

    model_config = example(part_number=1, size=8_388_608, sha256=_HASH)

    part_number: int
    size: int
    sha256: Annotated[str | None, Field(description="in hex, as S3 has computed it")]


class PartUrl(BaseModel):
    """Leave to upload one part."""

    model_config = example(
        part_number=2,
        url="https://uploads.s3.eu-central-1.amazonaws.com/flights/...?partNumber=2&X-Amz-Signature=...",
        headers={"x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="},
        size=8_388_608,
        expires_at="2026-03-01T12:15:00.000Z",
    )

    part_number: int
    url: str
    headers: dict[str, str]
    size: int
    expires_at: Time


class Parts(BaseModel):
    """How far a multipart upload is, and where its next parts go."""

    model_config = ConfigDict(defer_build=True)

    upload_id: str
    part_size: int
    part_count: int
    size: int
    parts: list[ReceivedPart]
    urls: list[PartUrl]


class Move(BaseModel):
    """A state that an upload came to."""

    model_config = example(state="PENDING", at="2026-03-01T12:00:05.000Z", batch_id=None)

    state: UploadStateName
    at: Time
    batch_id: str | None = None


class UploadSummary(BaseModel):
    """How an upload stands."""

    model_config = ConfigDict(defer_build=True)

    upload_id: str
    pipeline: str
    filename: str | None
    key: str
    bucket: str
    size: int | None
    state: UploadStateName
    owner: Annotated[str | None, Field(description="`me`; to viewers whose it is; none of a direct drop")]
    created_at: Time
    updated_at: Time | None
    expires_at: Time | None
    batch_id: str | None
    run_id: str | None
    job_flow_id: str | None
    step_id: str | None
    slow_since: Annotated[
        Time | None, Field(description="while it runs, and far longer than its pipeline's batches do")
    ]
    output: Annotated[str | None, Field(description="where the rows are; null where its batch has none")]
    rows_in: int | None
    rows_out: int | None
    rows_rejected: int | None
    rejects: Annotated[str | None, Field(description="where the rejected rows are")]
    reason: str | None
    log: str | None
    log_excerpt: str | None
    cost: float | None


class Upload(UploadSummary):
    """How an upload stands, and how it came there."""

    history: list[Move]


class UploadsPage(BaseModel):
    """Uploads, the newest first."""

    model_config = ConfigDict(defer_build=True)

    uploads: list[UploadSummary]
    cursor: Annotated[str | None, Field(description="gives the next page; null at the end")]

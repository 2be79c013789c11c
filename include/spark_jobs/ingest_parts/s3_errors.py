"""What an error of S3 means for one object."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ingest_parts.faults import StoreError, Unreadable

DELETED = "it was deleted before its run"
OVERWRITTEN = "it was overwritten before its run, and its bucket keeps no versions"
ERRORS = (ClientError, BotoCoreError)
# A malformed or unknown version, no such object, a delete marker:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_GONE = {400, 404, 405}
# Of these, what says nothing of the object. HEAD has no body, and then the code is the status.
_NOT_GONE = {"ExpiredToken", "InvalidToken", "RequestTimeout", "AuthorizationHeaderMalformed", "NoSuchBucket"}
_ARCHIVED = "InvalidObjectState"


def is_gone(error: BaseException) -> bool:
    """Whether the answer says that there is no such object or version."""
    return status_of(error) in _GONE and code_of(error) not in _NOT_GONE and "KMS" not in code_of(error)


def status_of(error: BaseException) -> int:
    """The HTTP status of the answer, 0 where there was none."""
    return int(_part(error, "ResponseMetadata").get("HTTPStatusCode") or 0)


def code_of(error: BaseException) -> str:
    """S3's own code, as ``NoSuchKey``; empty where there was no answer."""
    return str(_part(error, "Error").get("Code") or "")


def translate(error: BaseException, uri: str) -> Exception:
    """The error as the program has it: of the one object (``Unreadable``) or the job (``StoreError``)."""
    if status_of(error) == 412:  # noqa: PLR2004  "precondition failed": another ETag
        return Unreadable(OVERWRITTEN)
    if code_of(error) == _ARCHIVED:
        return Unreadable("it lies in an archive class of S3; restore it, then drop it again")
    if is_gone(error):
        return Unreadable(DELETED)
    return refused(error, uri)


def refused(error: BaseException, uri: str) -> StoreError:
    """The error as one of the job."""
    return StoreError(f"S3 does not let us use {uri}: {error}")


def _part(error: BaseException, name: str) -> dict[str, Any]:
    response = error.response if isinstance(error, ClientError) else {}
    part = response.get(name)
    return part if isinstance(part, dict) else {}

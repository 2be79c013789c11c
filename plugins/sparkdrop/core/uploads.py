"""What an upload is: one object version that landed, its identity and its states."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ulid import ULID

from sparkdrop.core.patterns import CROCKFORD, ULID_LENGTH

UNROUTED = "_unrouted"
"""The inbox of objects that no pipeline's patterns match. No pipeline can have this name."""

LAST_ID = "Z"
"""Compares as larger than every ULID."""

EMPTY = "the file is empty"
"""The reason of an upload without a byte: it is set aside, and no cluster starts for it."""

_ID = re.compile(rf"[0-7][{CROCKFORD}]{{{ULID_LENGTH - 1}}}")
_IDENTITY_LENGTH = 16
"""Characters of a ULID that come from its 80 random bits; the first ten are its time."""


class UploadState(StrEnum):
    """Where an upload stands. The last four are ends."""

    PENDING = "PENDING"
    CLAIMED = "CLAIMED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    QUARANTINED = "QUARANTINED"
    UNROUTED = "UNROUTED"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object version that landed.

    Attributes:
        bucket: the S3 bucket.
        key: the key as S3 stores it, never URL-encoded.
        version_id: S3's version id, or None in a bucket without versions.
        etag: S3's entity tag, without quotes.
        bytes: the object's size.
        arrived_at: when it landed, with a time zone.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    bytes: int
    arrived_at: datetime

    @property
    def version(self) -> str:
        """What tells two contents of a key apart: the version id, or the entity tag where there is none."""
        if self.version_id and self.version_id != "null":
            return self.version_id
        return f"etag:{self.etag}"

    @property
    def is_marker(self) -> bool:
        """Whether it only stands for a folder, as consoles and Hadoop write one: it is no upload."""
        return self.bytes == 0 and self.key.endswith(("/", "_$folder$"))

    @property
    def upload_id(self) -> str:
        """A ULID: its time from the arrival, its other 80 bits from (bucket, key, version).

        Every redelivery of an event makes the same id. A listing may know another time than the event did
        (a multipart upload's LastModified is its start), so two ids of one object version may differ in their
        first ten characters; `upload_identity` is what they share.
        """
        name = "\0".join((self.bucket, self.key, self.version))
        return make_ulid(self.arrived_at, name)


def make_ulid(at: datetime, name: str) -> str:
    """Make the ULID of a moment (to the millisecond) and a name: the same for the same two."""
    milliseconds = int(at.timestamp() * 1000)
    return str(ULID(milliseconds.to_bytes(6, "big") + hashlib.sha256(name.encode()).digest()[:10]))


def is_upload_id(text: str) -> bool:
    """Whether a text is a ULID as we write them, and so may be an upload's id or a link's."""
    return _ID.fullmatch(text) is not None


def first_id_at(moment: datetime) -> str:
    """The smallest ULID of a moment: no older one compares as large."""
    return str(ULID(int(moment.timestamp() * 1000).to_bytes(6, "big") + bytes(10)))


def upload_identity(upload_id: str) -> str:
    """The part of an upload's id that depends on the object version alone."""
    return upload_id[-_IDENTITY_LENGTH:]

"""Uploads in parts, put together as S3 does it.

moto 5.2.5 compares no part's checksum, lists parts by their place rather than by their number, fails in
itself on an upload that is over, takes parts in any order, and holds a large object four times while it puts
it together. What S3 does: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html

Of a checksum over a whole object that came in parts (FULL_OBJECT), moto's own value is kept, and nothing is
compared with it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.s3.exceptions import (
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    MalformedXML,
    NoSuchUpload,
    S3ClientError,
)
from moto.s3.models import FakeKey, FakeMultipart, MultipartDict, S3Backend
from moto.s3.utils import compute_checksum
from moto.settings import S3_UPLOAD_PART_MIN_SIZE
from moto.utilities.utils import md5_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPOSITE, FULL_OBJECT = "COMPOSITE", "FULL_OBJECT"
ALGORITHM_HEADER = "x-amz-checksum-algorithm"
TYPE_HEADER = "x-amz-checksum-type"
_set_value = FakeKey.value.fset  # type: ignore[attr-defined] # a property


class NamedPart(NamedTuple):
    """A part, as a request to complete an upload names it."""

    number: int
    etag: str
    checksums: dict[str, str]


class Completion(NamedTuple):
    """What a request to complete an upload says."""

    parts: list[NamedPart]
    object_bytes: int | None
    checksums: dict[str, str]


def find_algorithm(upload: FakeMultipart) -> tuple[str | None, str]:
    """Find an upload's algorithm, None where it was made without one, and the type of its checksum."""
    algorithm = upload.metadata.get(ALGORITHM_HEADER)
    default = FULL_OBJECT if algorithm in {None, "CRC64NVME"} else COMPOSITE
    return algorithm, upload.metadata.get(TYPE_HEADER) or default


def select_parts(self: FakeMultipart, part_number_marker: int, max_parts: int) -> Iterator[FakeKey]:
    """Give the parts whose numbers come after the marker's."""
    later = [number for number in self.partlist if number > part_number_marker]
    return (self.parts[number] for number in later[:max_parts])


def is_truncated(self: S3Backend, bucket_name: str, multipart_id: str, next_part_number_marker: int) -> bool:
    """Whether a part's number comes after the marker's."""
    upload = self.get_bucket(bucket_name).multiparts[multipart_id]
    return any(number > next_part_number_marker for number in upload.parts)


def complete(self: FakeMultipart, body: Completion) -> tuple[bytearray, str, tuple[str, str, int] | None]:
    """Put an upload together.

    Returns:
        The object's bytes, its etag, and the type and value of its checksum with the number of its parts.
    """
    parts = _check_parts(self, body.parts)
    size = sum(part.size for part in parts)
    if body.object_bytes not in {None, size}:
        given = f"The provided 'x-amz-mp-object-size' header value {body.object_bytes}"
        raise S3ClientError("InvalidRequest", f"{given} does not match what was computed: {size}")
    value = bytearray()
    for part in parts:
        value += part.value
    etag = md5_hash(b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)).hexdigest()
    return value, f"{etag}-{len(parts)}", _compute_checksum(self, body, parts, value)


def _check_parts(upload: FakeMultipart, named: list[NamedPart]) -> list[FakeKey]:
    if not named:
        raise MalformedXML
    numbers = [part.number for part in named]
    if numbers != sorted(set(numbers)):
        raise InvalidPartOrder
    algorithm, kind = find_algorithm(upload)
    found = []
    for part in named:
        held = upload.parts.get(part.number)
        if held is None or held.etag.strip('"') != part.etag:
            raise InvalidPart
        if algorithm and kind == COMPOSITE and algorithm not in part.checksums:
            raise _build_missing(algorithm, part.number)
        if algorithm and part.checksums.get(algorithm) not in {None, read_checksum(held, algorithm)}:
            raise InvalidPart
        found.append(held)
    if any(part.size < S3_UPLOAD_PART_MIN_SIZE for part in found[:-1]):
        raise EntityTooSmall
    return found


def _build_missing(algorithm: str, number: int) -> S3ClientError:
    message = (
        f"The upload was created using a {algorithm.lower()} checksum. The complete request must include the"
        f" checksum for each part. It was missing for part {number} in the request."
    )
    return S3ClientError("InvalidRequest", message)


def read_checksum(part: FakeKey, algorithm: str) -> str:
    """Read a part's checksum; one that was copied from an object has none yet."""
    if part.checksum_value is None or part.checksum_algorithm != algorithm:
        part.checksum_algorithm = algorithm
        part.checksum_value = compute_checksum(part.value, algorithm).decode()
    return part.checksum_value


def _compute_checksum(
    upload: FakeMultipart, body: Completion, parts: list[FakeKey], value: bytearray
) -> tuple[str, str, int] | None:
    algorithm, kind = find_algorithm(upload)
    if algorithm is None:
        return None
    if kind != COMPOSITE:
        return kind, compute_checksum(value, algorithm).decode(), 1  # type: ignore[arg-type] # any buffer
    digests = b"".join(base64.b64decode(read_checksum(part, algorithm)) for part in parts)
    computed = compute_checksum(digests, algorithm).decode()
    given = body.checksums.get(algorithm)
    if given not in {None, computed, f"{computed}-{len(parts)}"}:
        message = f"The {algorithm.lower()} you specified did not match the calculated checksum."
        raise S3ClientError("BadDigest", message)
    return kind, computed, len(parts)


def find_missing(self: MultipartDict, key: str) -> FakeMultipart:
    """Answer for an upload that is not there, or no more.

    Raises:
        NoSuchUpload: Always.
    """
    del self
    raise NoSuchUpload(upload_id=key)


def set_value(self: FakeKey, value: bytes) -> None:
    """Keep an object's bytes as moto does; many go to their file at once, not by way of a copy in memory."""
    if len(value) > self._max_buffer_size:
        self._value_buffer.rollover()
    _set_value(self, value)


def apply() -> None:
    """Let moto's uploads work this way."""
    methods: dict[type, dict[str, Any]] = {
        FakeKey: {"value": FakeKey.value.setter(set_value)},  # type: ignore[attr-defined] # a property
        FakeMultipart: {"list_parts": select_parts, "complete": complete},
        MultipartDict: {"__missing__": find_missing},
        S3Backend: {"is_truncated": is_truncated},
    }
    for owner, named in methods.items():
        for name, method in named.items():
            setattr(owner, name, method)

"""Checksums that a request names, and what its body has.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING, Protocol

from sparkdrop_local.aws.s3_guard.errors import BAD_REQUEST, S3Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop_local.aws.s3_guard.incoming import Request

CONTENT_SHA256 = "x-amz-content-sha256"
_PREFIX = "x-amz-checksum-"
_BLOCK_BYTES = 1024 * 1024


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class _TableCrc:
    """A reflected CRC, byte by byte: some 10 MB a second, for what no library here computes."""

    def __init__(self, polynomial: int, size_bytes: int) -> None:
        self._ones = (1 << 8 * size_bytes) - 1
        self._value, self._size_bytes = self._ones, size_bytes
        self._table = [self._shift(byte, polynomial) for byte in range(256)]

    @staticmethod
    def _shift(value: int, polynomial: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        return value

    def update(self, data: bytes) -> None:
        value, table = self._value, self._table
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ value >> 8
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._ones).to_bytes(self._size_bytes, "big")


# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html
ALGORITHMS: dict[str, Callable[[], _Digest]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "crc32": _Crc32,
    "crc32c": lambda: _TableCrc(0x82F63B78, 4),
    "crc64nvme": lambda: _TableCrc(0x9A6C9329AC4BC9B5, 8),
}


def check_body(request: Request) -> None:
    """Check that a body is what its headers say; it is then at its start again.

    It is read in blocks: the server keeps a large one in a file.

    Raises:
        S3Error: BadDigest, XAmzContentSHA256Mismatch; InvalidRequest where a header is no checksum.
    """
    expected = _read_expected(request)
    digests: dict[str, _Digest] = {name: ALGORITHMS[_ALGORITHM_OF[name]]() for name in expected}
    if "content-md5" in request.headers:
        expected["content-md5"] = _decode(request, "content-md5", 16)
        digests["content-md5"] = hashlib.md5(usedforsecurity=False)
    if not digests:
        return
    request.body.seek(0)
    while block := request.body.read(_BLOCK_BYTES):
        for digest in digests.values():
            digest.update(block)
    request.body.seek(0)
    for name, digest in digests.items():
        if digest.digest() != expected[name]:
            raise _build_mismatch(name, expected[name], digest.digest())


# the header that names a checksum: what computes it
_ALGORITHM_OF = {CONTENT_SHA256: "sha256", **{_PREFIX + algorithm: algorithm for algorithm in ALGORITHMS}}


def _read_expected(request: Request) -> dict[str, bytes]:
    named = [name for name in request.headers if name.removeprefix(_PREFIX) in ALGORITHMS]
    # in a request that completes an upload, it is the object's and not the body's
    if request.method != "PUT":
        named = []
    if len(named) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise S3Error("InvalidRequest", message, BAD_REQUEST)
    expected = {
        name: _decode(request, name, len(ALGORITHMS[name.removeprefix(_PREFIX)]().digest())) for name in named
    }
    content = request.headers.get(CONTENT_SHA256, "UNSIGNED-PAYLOAD")
    if len(content) == hashlib.sha256().digest_size * 2:
        try:
            expected[CONTENT_SHA256] = bytes.fromhex(content)
        except ValueError as error:
            raise _build_invalid(CONTENT_SHA256) from error
    elif content != "UNSIGNED-PAYLOAD":
        raise _build_invalid(CONTENT_SHA256)
    return expected


def _decode(request: Request, name: str, size_bytes: int) -> bytes:
    try:
        value = base64.b64decode(request.headers[name], validate=True)
    except binascii.Error as error:
        raise _build_invalid(name) from error
    if len(value) != size_bytes:
        raise _build_invalid(name)
    return value


def _build_invalid(name: str) -> S3Error:
    if name == "content-md5":
        return S3Error("InvalidDigest", "The Content-MD5 you specified was invalid.", BAD_REQUEST)
    return S3Error("InvalidRequest", f"Value for {name} header is invalid.", BAD_REQUEST)


def _build_mismatch(name: str, expected: bytes, computed: bytes) -> S3Error:
    if name == CONTENT_SHA256:
        message = f"The provided '{name}' header does not match what was computed."
        details = {
            "ClientComputedContentSHA256": expected.hex(),
            "S3ComputedContentSHA256": computed.hex(),
        }
        return S3Error("XAmzContentSHA256Mismatch", message, BAD_REQUEST, details)
    if name == "content-md5":
        message = "The Content-MD5 you specified did not match what we received."
        details = {
            "ExpectedDigest": base64.b64encode(expected).decode(),
            "CalculatedDigest": base64.b64encode(computed).decode(),
        }
        return S3Error("BadDigest", message, BAD_REQUEST, details)
    algorithm = name.removeprefix(_PREFIX).upper()
    message = f"The {algorithm} you specified did not match the calculated checksum."
    return S3Error("BadDigest", message, BAD_REQUEST)

"""Codecs of Avro's blocks that fastavro asks other packages for, and that Arrow has."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from fastavro import read
from fastavro.io.binary_decoder import BinaryDecoder

if TYPE_CHECKING:
    from typing import BinaryIO

_LONG_BITS = 63  # a length that is longer is none
_SNAPPY_RATIO, _LZ4_RATIO = 64, 256  # more than either can save; so a damaged length takes no memory


def register_codecs() -> None:
    """Let fastavro read blocks of snappy, which is Spark's own default, zstandard and lz4."""
    read.BLOCK_READERS.update(snappy=_read_snappy, zstandard=_read_zstandard, lz4=_read_lz4)


def _read_snappy(stream: BinaryIO) -> io.BytesIO:
    block = _read_block(stream)
    packed, checksum = block[:-4], block[-4:]
    size = _read_varint(io.BytesIO(packed))
    data = _unpack(packed, size, "snappy", _SNAPPY_RATIO)
    if zlib.crc32(data).to_bytes(4, "big") != checksum:
        message = "the checksum is another one"
        raise ValueError(message)
    return io.BytesIO(data)


def _read_zstandard(stream: BinaryIO) -> io.BytesIO:
    with pa.CompressedInputStream(pa.BufferReader(_read_block(stream)), "zstd") as unpacked:
        return io.BytesIO(unpacked.read())


def _read_lz4(stream: BinaryIO) -> io.BytesIO:
    block = _read_block(stream)
    return io.BytesIO(_unpack(block[4:], int.from_bytes(block[:4], "little"), "lz4_raw", _LZ4_RATIO))


def _unpack(packed: bytes, size: int, codec: str, ratio: int) -> bytes:
    if size > ratio * (len(packed) + 1):
        message = f"{len(packed)} bytes of {codec} cannot be {size}"
        raise ValueError(message)
    return bytes(pa.decompress(packed, size, codec=codec, asbytes=True))


def _read_block(stream: BinaryIO) -> bytes:
    decoder: Any = BinaryDecoder  # which has no types
    return bytes(decoder(stream).read_bytes())


def _read_varint(stream: BinaryIO) -> int:
    """A whole number, seven bits a byte, the lowest first."""
    number = 0
    for shift in range(0, _LONG_BITS + 1, 7):
        (byte,) = stream.read(1) or [0x80]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the bit that says that more follows
            return number
    message = "a length has no end"
    raise ValueError(message)

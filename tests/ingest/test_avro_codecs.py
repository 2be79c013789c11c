"""Avro with the codecs that fastavro itself does not bring, as other writers pack their blocks."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any

import fastavro
import pyarrow as pa
import pytest
from ingest_parts.avro_rows import read_avro
from ingest_parts.faults import Unreadable

from tests.ingest.reading import plain_rows

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = [{"c": n, "s": f"ü{n}" * (n % 4)} for n in range(900)]


def pack_snappy(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="snappy", asbytes=True)) + zlib.crc32(data).to_bytes(4, "big")


def pack_zstandard(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:  # which does not say how much it will be
        stream.write(data)
    return bytes(sink.getvalue())


def pack_lz4(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + bytes(pa.compress(data, codec="lz4_raw", asbytes=True))


PACK = {"snappy": pack_snappy, "zstandard": pack_zstandard, "lz4": pack_lz4}


def long(number: int) -> bytes:
    number, made = number << 1, bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def write(codec: str, pack: Callable[[bytes], bytes]) -> bytes:
    """A file of that codec, made of one that fastavro writes without any."""
    file = io.BytesIO()
    fields = [{"name": "c", "type": "int"}, {"name": "s", "type": "string"}]
    schema: Any = {"type": "record", "name": "r", "fields": fields}
    fastavro.writer(file, schema, ROWS, sync_interval=1500)
    plain = file.getvalue()
    sync = plain[-16:]
    name = b"avro.codec" + long(len("null")) + b"null"
    header = plain[: plain.index(sync) + 16]
    assert name in header
    made = header.replace(name, b"avro.codec" + long(len(codec)) + codec.encode())
    for block in fastavro.block_reader(io.BytesIO(plain)):
        packed = pack(block.bytes_.read())  # type: ignore[attr-defined]  # the compiled reader has it
        made += long(block.num_records) + long(len(packed)) + packed + sync
    return made


@pytest.mark.parametrize("codec", PACK)
def test_rows_of_every_codec(codec: str) -> None:
    data = write(codec, PACK[codec])
    assert plain_rows(read_avro(io.BytesIO(data))) == ROWS


@pytest.mark.parametrize("codec", PACK)
@pytest.mark.parametrize("cut", [1, 20, 40])
def test_a_file_that_was_cut_is_no_success(codec: str, cut: int) -> None:
    data = write(codec, PACK[codec])
    with pytest.raises(Unreadable, match=r"block [0-9]+ cannot be read as Avro"):
        list(read_avro(io.BytesIO(data[:-cut])))


def test_another_checksum_is_no_success() -> None:
    data = write("snappy", lambda block: pack_snappy(block)[:-4] + b"none")
    with pytest.raises(Unreadable, match="block 1 cannot be read as Avro: the checksum is another one"):
        list(read_avro(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("codec", "block"),
    [
        ("snappy", b"\xff\xff\xff\xff\x0f" + b"\x00" * 8),
        ("snappy", b""),
        ("snappy", b"\x80" * 20),
        ("lz4", b"\xff\xff\xff\xff\x00"),
        ("lz4", b""),
        ("zstandard", b"no frame of it"),
    ],
)
def test_a_damaged_block_is_no_success(codec: str, block: bytes) -> None:
    with pytest.raises(Unreadable, match="block 1"):
        list(read_avro(io.BytesIO(write(codec, lambda _data: block))))

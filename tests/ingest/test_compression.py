"""Compressed files: all that is in them, and never less."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts.compression import ENDINGS, Unpacked, check_name, ending_of
from ingest_parts.faults import Unreadable


def pack_zip(*members: bytes, folder: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{folder}{number}.csv", member)
    return packed.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": pack_zip,
    ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}  # fmt: skip
MEMBERS = [ending for ending in ENDINGS if ending != ".zip"]
CONTENT = b"id,name\n" + b"".join(b"%d,%x\n" % (number, number**9) for number in range(60))


def unpack(packed: bytes, ending: str, size: int = 64 * 1024) -> bytes:
    stream = Unpacked(io.BytesIO(packed), ending)
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("ending", ENDINGS)
@given(content=st.binary(max_size=2000), size=st.integers(1, 3000))
def test_all_of_it_is_read_in_pieces_of_any_size(ending: str, content: bytes, size: int) -> None:
    assert unpack(PACK[ending](content), ending, size) == content


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_off_anywhere_is_never_taken(ending: str) -> None:
    packed = PACK[ending](CONTENT)
    for cut in range(1, len(packed)):
        with pytest.raises(Unreadable, match=f"^the {ENDINGS[ending]} file is truncated or damaged"):
            unpack(packed[:cut], ending)


@pytest.mark.parametrize("ending", MEMBERS)
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_all_members_are_read(ending: str, parts: list[bytes]) -> None:
    assert unpack(b"".join(map(PACK[ending], parts)), ending) == b"".join(parts)


@pytest.mark.parametrize("ending", MEMBERS)
def test_a_last_member_that_is_cut_off_or_damaged_is_told(ending: str) -> None:
    packed = PACK[ending](CONTENT)
    for cut in range(1, len(packed)):
        with pytest.raises(Unreadable):
            unpack(packed + packed[:cut], ending)
    with pytest.raises(Unreadable):
        unpack(packed + b"?" + packed[1:], ending)


@pytest.mark.parametrize("ending", ENDINGS)
def test_plain_text_is_no_compressed_file(ending: str) -> None:
    with pytest.raises(Unreadable):
        unpack(CONTENT, ending)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_zeros_behind_a_member_are_padding(ending: str) -> None:
    packed = PACK[ending](CONTENT)
    assert unpack(packed + bytes(8), ending) == CONTENT
    assert unpack(packed + bytes(600_000) + packed, ending) == CONTENT * 2


@pytest.mark.parametrize(("ending", "place"), [(".gz", -8), (".bz2", -8), (".xz", -30), (".zip", 60)])
def test_a_wrong_checksum_is_told(ending: str, place: int) -> None:
    packed = bytearray(PACK[ending](CONTENT))
    packed[place] ^= 0xFF
    with pytest.raises(Unreadable):
        unpack(bytes(packed), ending)


def test_a_zip_holds_one_file() -> None:
    with pytest.raises(Unreadable, match=r"^the zip file holds 2 files; it has to hold one$"):
        unpack(pack_zip(b"a", b"b"), ".zip")
    assert unpack(pack_zip(b"a", folder="folder/"), ".zip") == b"a"


def test_what_is_compressed_says_so() -> None:
    assert [ending_of(key) for key in ("A.CSV.GZ", "a.gz/b.csv", "a.zip")] == [".gz", "", ".zip"]
    with pytest.raises(Unreadable, match=r"its name does not end in \.gz"):
        check_name("a.csv", gzip.compress(b"x"))
    check_name("a.csv.gz", gzip.compress(b"x"))

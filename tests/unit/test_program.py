"""A program with its parts: the same files are the same bytes, and any other are not."""

import io
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.program import hash_program, name_parts, pack_parts

NAME = st.text("abcdefgh_", min_size=1, max_size=8).map("p_parts/{}.py".format)
FILES = st.dictionaries(NAME, st.binary(max_size=40), max_size=5)


@given(files=FILES)
def test_what_is_packed_comes_out_in_any_order(files: dict[str, bytes]) -> None:
    packed = pack_parts(files)
    assert pack_parts(dict(reversed(files.items()))) == packed
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert archive.namelist() == sorted(files)
        assert {entry.date_time[0] for entry in archive.infolist()} <= {1980}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} <= {0o100644}


@given(one=FILES, other=FILES, program=st.binary(max_size=40))
def test_other_parts_are_another_program(
    one: dict[str, bytes], other: dict[str, bytes], program: bytes
) -> None:
    same = hash_program(program, pack_parts(one)) == hash_program(program, pack_parts(other))
    assert same is (one == other)
    assert hash_program(program, None) != hash_program(program, pack_parts({}))
    assert hash_program(program, pack_parts(one)) != hash_program(program + b"#", pack_parts(one))


def test_python_imports_the_zip(tmp_path, monkeypatch):
    (tmp_path / "clean_parts.zip").write_bytes(
        pack_parts({"clean_parts/__init__.py": b"", "clean_parts/rows.py": b"A = 7"})
    )
    monkeypatch.syspath_prepend(tmp_path / "clean_parts.zip")
    try:
        from clean_parts.rows import A

        assert A == 7
    finally:
        for name in ("clean_parts", "clean_parts.rows"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("program", "parts"),
    [
        ("ingest.py", "ingest_parts"),
        ("team/clean.py", "team/clean_parts"),
        ("app.jar", None),
    ],
)
def test_the_parts_of_a_program_stand_beside_it(program, parts):
    assert name_parts(program) == parts

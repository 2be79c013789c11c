"""The charsets of files are Python's codecs, by one list of names."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.charsets import CODECS, find_codec


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_called_as_python_calls_it(codec):
    assert codecs.lookup(codec).name == codec
    assert {find_codec(name) for name in (codec, *CODECS[codec])} == {codec}


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("UTF-16LE", "utf-16-le"),
        ("US-ASCII", "ascii"),
        ("ISO-8859-1", "iso8859-1"),
        ("latin1", "iso8859-1"),
        ("ISO_8859_15", "iso8859-15"),
        ("Windows-1252", "cp1252"),
        ("cp1252", "cp1252"),
        ("MacRoman", "mac-roman"),
        ("KOI8_R", "koi8-r"),
        ("Shift_JIS", "shift_jis"),
        ("windows-31j", "cp932"),
        ("EUC-JP", "euc_jp"),
        ("euckr", "euc_kr"),
    ],
)
def test_names_that_people_use(name, codec):
    assert find_codec(name) == codec


NAMES = sorted({name for codec, aliases in CODECS.items() for name in (codec, *aliases)})


@given(st.sampled_from(NAMES), st.randoms(use_true_random=False))
def test_case_and_dashes_do_not_matter(name, random):
    other = "".join(random.choice([one.upper(), one.lower()]) for one in name)
    other = other.replace("-", random.choice(["", "-", "_", " "]))
    assert find_codec(other) == find_codec(name)


@pytest.mark.parametrize(
    "name", ["", "ebcdic", "iso-8859-12", "iso-8859-17", "utf-7", "base64", "rot13", "idna"]
)
def test_another_one_is_refused_with_the_list(name):
    with pytest.raises(ValueError, match=r"accepted: utf-8, utf-16, .*windows-1250 to windows-1258"):
        find_codec(name)

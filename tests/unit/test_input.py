"""How files are read: typed keys, each checked in the pipeline file, and what the manifest says of them."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparkdrop.core.input import Input


def make(**settings):
    return Input.model_validate({"format": "csv", **settings})


def message(**settings):
    with pytest.raises(ValidationError) as caught:
        make(**settings)
    (error,) = caught.value.errors()
    path = error.get("ctx", {}).get("path", ("input", *error["loc"]))
    return f"{'.'.join(map(str, path[1:]))}: {error['msg'].removeprefix('Value error, ')}"


# a CSV's dialect


@pytest.mark.parametrize(
    ("given", "mark"),
    [(";", ";"), ("\t", "\t"), ("tab", "\t"), ("\\t", "\t"), ("|", "|"), (" ", " "), ("\x01", "\x01")],
)
def test_separators(given, mark):
    assert make(separator=given).separator == mark


@pytest.mark.parametrize("key", ["quote", "escape", "comment"])
@pytest.mark.parametrize(("given", "mark"), [("none", None), ("'", "'"), ("\\", "\\"), ("#", "#")])
def test_optional_marks(key, given, mark):
    assert getattr(make(**{key: given}), key) == mark


@given(st.characters(exclude_categories=["Cs"]))
def test_a_mark_is_one_ascii_character_that_is_no_letter(character):
    fits = character.isascii() and not character.isalnum() and character not in "\r\n\0"
    for key in ("separator", "quote", "escape", "comment"):
        known = {"separator": ",", "quote": '"'}
        taken = character in {known[other] for other in known if other != key}
        visible = key == "separator" or not character.isspace()
        try:
            make(**{key: character})
        except ValidationError:
            assert not fits or not visible or taken
        else:
            assert fits
            assert visible
            assert not taken


@pytest.mark.parametrize("key", ["separator", "quote", "escape", "comment"])
@pytest.mark.parametrize("given", ["", "ab", "||", "\n", "é", "§", "5", "x"])
def test_no_marks(key, given):
    assert message(**{key: given}).startswith(f"{key}: found {given!r}; accepted: one ASCII character")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quote": ","}, "quote: found ',', which is the separator"),
        ({"separator": ";", "comment": ";"}, "comment: found ';', which is the separator"),
        ({"quote": "'", "comment": "'"}, 'comment: found "\'", which is the quote'),
        ({"escape": '"'}, "escape: is the quote; doubled quotes are read anyway"),
        ({"escape": "#", "comment": "#"}, "comment: found '#', which is the escape"),
        ({"separator": '"'}, "quote: found '\"', which is the separator"),
        ({"grouping": "."}, "grouping: found '.', which is the decimal mark"),
        ({"decimal": ",", "grouping": ","}, "grouping: found ',', which is the decimal mark"),
        ({"grouping": "_"}, "grouping: found '_'; accepted: none"),
        ({"decimal": "'"}, "decimal: Input should be '.' or ','"),
        ({"skip_lines": -1}, "skip_lines: Input should be greater"),
        ({"skip_lines": 1001}, "skip_lines: Input should be less than or equal to 1000"),
        ({"header": "yes"}, "header: Input should be a valid boolean"),
        ({"leading_zeros": 1}, "leading_zeros: Input should be a valid boolean"),
        ({"columns": "any"}, "columns: Input should be 'exact', 'evolve' or 'ignore_extra'"),
        ({"charset": "ebcdic"}, "charset: found 'ebcdic'; accepted: utf-8"),
        ({"nulls": "NA"}, "nulls: Input should be a valid tuple"),
        (
            {"nulls": [False]},
            'nulls.0: found false (a boolean); accepted: text: write it in quotes, as in "NA"',
        ),
        ({"nulls": ["-", -9]}, "nulls.1: found -9 (a whole number)"),
        ({"nulls": [" "]}, "nulls.0: found an empty text"),
        ({"date_format": "dd.mm.yyyy"}, "date_format: found 'dd.mm.yyyy', which has no month"),
        ({"timestamp_format": "yyyy-MM-dd"}, "timestamp_format: found 'yyyy-MM-dd', which has no hour"),
        ({"row_tag": "row"}, "row_tag: is a key of XML, and the format is csv"),
        ({"format": "json", "separator": ","}, "separator: is a key of CSV, and the format is json"),
        ({"format": "parquet", "header": False}, "header: is a key of CSV, and the format is parquet"),
        ({"format": "json", "nulls": ["NA"]}, "nulls: is a key of CSV and XML, and the format is json"),
        ({"format": "orc", "decimal": ","}, "decimal: is a key of CSV and XML, and the format is orc"),
        ({"format": "parquet", "time_zone": "Europe/Berlin"}, "time_zone: is a key of CSV and JSON and XML"),
        ({"format": "avro", "date_format": "d.M.yyyy"}, "date_format: is a key of CSV and JSON and XML"),
        ({"format": "orc", "timestamp_format": "d.M.yyyy H:mm"}, "timestamp_format: is a key of CSV"),
        ({"format": "avro", "charset": "cp1252"}, "charset: is a key of CSV and JSON and XML"),
        ({"format": "xml"}, "row_tag: is missing; accepted: the name of the XML element that is a row"),
        ({"format": "xml", "row_tag": "<row>"}, "row_tag: String should match"),
        ({"format": "csv", "schema": "a ARRAY<INT>"}, "schema: CSV cannot hold"),
    ],
)
def test_what_input_refuses(settings, said):
    assert message(**settings).startswith(said)


@pytest.mark.parametrize("kind", ["json", "xml", "avro", "parquet"])
def test_the_other_formats_hold_nested_types(kind):
    tag = {"row_tag": "x:row"} if kind == "xml" else {}
    assert make(format=kind, schema="a ARRAY<STRUCT<b: INT>>", **tag).schema_


@pytest.mark.parametrize(("zone", "is_one"), [
    ("UTC", True), ("Europe/Berlin", True), ("America/New_York", True), ("Etc/GMT+5", True),
    ("Europe", False), ("europe/berlin2", False), ("+02:00", False), ("../UTC", False),
    ("/etc/localtime", False), ("localtime", False), ("", False), ("posix/UTC", False),
])  # fmt: skip
def test_time_zones(zone, is_one):
    if is_one:
        assert make(time_zone=zone).time_zone == zone
    else:
        assert "accepted: a name of the IANA's list" in message(time_zone=zone)


def test_the_nearest_time_zone_is_named():
    assert "did you mean 'Europe/Berlin'?" in message(time_zone="Europe/Berln")


@pytest.mark.parametrize(
    ("settings", "grouping"),
    [
        ({}, None),
        ({"decimal": ","}, "."),
        ({"decimal": ",", "grouping": "none"}, None),
        ({"grouping": ","}, ","),
    ],
)
def test_a_decimal_comma_implies_the_mark_between_groups(settings, grouping):
    assert make(**settings).grouping == grouping


def test_an_empty_key_says_nothing():
    given = make(quote=None, schema=None, nulls=None, decimal=None)
    assert given == make()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "separator": st.sampled_from([";", "tab", "|", " "]),
            "quote": st.sampled_from(["none", "'"]),
            "escape": st.sampled_from(["none", "\\", "^"]),
            "comment": st.sampled_from(["none", "#", "%"]),
            "header": st.booleans(),
            "skip_lines": st.integers(0, 1000),
            "nulls": st.lists(st.sampled_from(["NA", "-", "\\N", "no", "1"]), max_size=3),
            "decimal": st.sampled_from([".", ","]),
            "grouping": st.sampled_from(["none", " ", "'"]),
            "leading_zeros": st.booleans(),
            "charset": st.sampled_from(["latin1", "UTF-16", "cp1252"]),
            "date_format": st.just("dd.MM.yyyy"),
            "timestamp_format": st.just("dd.MM.yyyy HH:mm"),
            "time_zone": st.just("Asia/Tokyo"),
            "columns": st.sampled_from(["exact", "evolve", "ignore_extra"]),
            "schema": st.just("a INT"),
        },
    )
)
def test_what_is_shown_reads_back_the_same(settings):
    given = make(**settings)
    shown = yaml.safe_dump(given.model_dump(mode="json", by_alias=True))
    again = Input.model_validate(yaml.safe_load(shown))
    assert again == given
    assert again.describe() == given.describe()


def test_the_manifest_says_how_files_are_read():
    given = make(
        format="xml", row_tag="row", schema="a INT", columns="evolve", charset="Latin-1", nulls=["-"],
        decimal=",", leading_zeros=True, date_format="d.M.yyyy",
        timestamp_format="d.M.yyyy H:mm", time_zone="Asia/Tokyo",
    )  # fmt: skip
    assert given.describe() == {
        "format": "xml",
        "schema": "a INT",
        "columns": "evolve",
        "charset": "iso8859-1",
        "nulls": ["-"],
        "date_format": "d.M.yyyy",
        "timestamp_format": "d.M.yyyy H:mm",
        "time_zone": "Asia/Tokyo",
        "decimal": ",",
        "grouping": ".",
        "leading_zeros": True,
        "csv": {
            "separator": None, "quote": '"', "escape": None, "header": True, "skip_lines": 0, "comment": None,
        },
        "row_tag": "row",
    }  # fmt: skip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.core.ddl import SIMPLE_TYPES, parse_ddl


def test_columns_come_in_order():
    columns = parse_ddl("year INT, `odd, name` STRING COMMENT 'a, b', p DECIMAL(10, 2) NOT NULL, t TIMESTAMP")
    assert [column.name for column in columns] == ["year", "odd, name", "p", "t"]
    assert [column.type for column in columns] == ["INT", "STRING", "DECIMAL(10, 2)", "TIMESTAMP"]


@pytest.mark.parametrize(
    "text",
    [
        "a ARRAY<INT>, b MAP<STRING, ARRAY<DOUBLE>>, c STRUCT<x: INT, y: STRING COMMENT 'z'>",
        "a VARCHAR(20), b CHAR(3), c decimal, d timestamp_ntz",
        "a STRING COLLATE UTF8_LCASE, `ü` INT, 1a INT",
        "a INTERVAL DAY TO SECOND, b VARIANT, c VOID",
        "a STRUCT<x: DECIMAL(10,2), y: MAP<STRING, INT>>",
    ],
)
def test_spark_types_pass(text):
    parse_ddl(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("year INTT", "did you mean INT?"),
        ("year TEXT", "did you mean STRING?"),
        ("a bool", "did you mean BOOLEAN?"),
        ("a INT b STRING", "is a comma missing"),
        ("a INT,, b INT", "a comma too many"),
        ("a INT,", "a comma too many"),
        ("", "nothing at all"),
        ("a INT, A STRING", "there twice"),
        ("`straße` INT, strasse INT", "column 'strasse' is there twice"),
        ("a INT, ` A ` INT", "there twice"),
        ("s ARRAY<STRUCT<a: INT, A: INT>>", "column 'A' is there twice"),
        ("a", "is no column"),
        ("a: INT", "a colon"),
        ("ü INT", "is no column"),
        ("a VARCHAR", "needs one length"),
        ("a DECIMAL(40, 2)", "precision is 1 to 38"),
        ("a DECIMAL(4, 5)", "scale at most"),
        ("a INT(4)", "nothing in brackets"),
        ("a ARRAY", "needs the types it holds"),
        ("a MAP<STRING>", "takes 2 type(s), found 1"),
        ("a LIST<INT>", "holds no other types"),
        ("a ARRAY<STRUCT<x: STRNG>>", "did you mean STRING?"),
        ("a INT NOT NUL", "is a comma missing"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at below
        parse_ddl(text)
    assert said in str(caught.value)


def test_all_problems_come_at_once():
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is looked at below
        parse_ddl("a INTT, b STRNG, a INT")
    assert [word in str(caught.value) for word in ("INTT", "STRNG", "twice")] == [True, True, True]


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(st.dictionaries(NAMES, st.sampled_from(SIMPLE_TYPES), min_size=1))
def test_what_is_written_is_read(columns):
    text = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    assert {column.name: column.type for column in parse_ddl(text)} == columns
    assert [column.type_names for column in parse_ddl(text)] == [(kind,) for kind in columns.values()]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a decimal(10, 2)", ("DECIMAL",)),
        ("a INTERVAL DAY TO SECOND", ("INTERVAL",)),
        ("a Array<Map<STRING, VARCHAR(3)>>", ("ARRAY", "MAP", "STRING", "VARCHAR")),
        ("a STRUCT<`x, y`: INT NOT NULL, z DATE COMMENT 'VOID'>", ("STRUCT", "INT", "DATE")),
        ("a STRUCT<>", ("STRUCT",)),
    ],
)
def test_the_types_that_a_type_holds(text, names):
    assert parse_ddl(text)[0].type_names == names


@given(st.text(max_size=40))
def test_rubbish_is_either_read_or_refused(text):
    try:
        columns = parse_ddl(text)
    except ValueError:
        return
    assert columns
    assert all(column.type_names for column in columns)

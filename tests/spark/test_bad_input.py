"""One batch with every kind of bad file: each ends alone, with its reason, and the good ones are loaded."""

import gzip
import random

import pytest

from .conftest import Drop, Outcome
from .results import read_rows

GOOD = "id,name\n1,anna\n2,bert\n"
# big enough that its end lies beyond the first look, and that it does not compress away
_words = random.Random(7)  # noqa: S311  not a secret
LONG = "id,name\n" + "".join(f"{number},{_words.getrandbits(256):064x}\n" for number in range(6000))
PACKED = gzip.compress(LONG.encode())


@pytest.fixture(scope="module")
def mixed(module_drop: Drop) -> Outcome:
    drop = module_drop
    drop.put("good.csv", GOOD)
    drop.put("good.csv.gz", gzip.compress(GOOD.encode()))
    drop.put("long.csv.gz", PACKED)
    drop.put("other order.csv", 'NAME,"id"\r\ncarla,3\r\n')
    drop.put("header only.csv", "id,name\n")
    drop.put("rows.csv", 'id,name\nx,dora\n4\n5,emil,extra\n,null id\n6,"fine, quoted"\n')
    drop.put("empty.csv", b"")
    drop.put("blank.csv", b"\n \n")
    drop.put("empty.csv.gz", gzip.compress(b""))
    drop.put("nul.csv", b"id,name\n\x00\x01\x02\n")
    drop.put("rubbish.csv", bytes(range(128, 256)) * 40)
    drop.put("latin.csv", "id,name\n1,Jürgen\n".encode("latin-1"))
    drop.put("columns.csv", "id,nom,age\n1,x,2\n")
    drop.put("double.csv", "id,name,ID\n1,x,2\n")
    drop.put("short cut.csv.gz", gzip.compress(GOOD.encode())[:-9])
    drop.put("long cut.csv.gz", PACKED[:-100_000])
    drop.put("trailer cut.csv.gz", PACKED[:-5])
    drop.put(
        "checksum.csv.gz",
        PACKED[:-8] + bytes(4) + PACKED[-4:],
    )
    drop.put("not gzip.csv.gz", GOOD)
    drop.put("hidden gzip.csv", gzip.compress(GOOD.encode()))
    drop.name("gone.csv")
    drop.entries.append({**drop.entries[0], "upload_id": "twice", "key": "again.csv"})
    return drop.run()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/empty.csv", "the file is empty"),
        ("/blank.csv", "the file is empty"),
        ("/empty.csv.gz", "the file is empty"),
        ("/nul.csv", "zero bytes"),
        ("/rubbish.csv", "declare the file's own input.charset"),
        ("/latin.csv", "declare it, as charset: windows-1252"),
        (
            "/columns.csv",
            "wrong columns: the declared ones are id, name; the file lacks name and has also nom, age",
        ),
        ("/double.csv", "names 'id' more than once"),
        ("/short cut.csv.gz", "truncated"),
        ("/long cut.csv.gz", "truncated or damaged"),
        ("/trailer cut.csv.gz", "truncated or damaged"),
        ("/checksum.csv.gz", "truncated or damaged"),
        ("/not gzip.csv.gz", "the gzip file is truncated or damaged"),
        ("/hidden gzip.csv", "its name does not end in .gz"),
        ("/gone.csv", "deleted before its run"),
        ("/again.csv", "in the batch twice"),
    ],
)
def test_a_bad_file_is_quarantined_alone(mixed: Outcome, name: str, reason: str) -> None:
    (file,) = [item for item in mixed.report["files"] if f"/{item['key']}" == name]
    assert file["state"] == "QUARANTINED"
    assert reason in file["reason"]
    assert (file["rows_in"], file["rows_out"], file["rows_rejected"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("key", "rows_out", "rows_rejected"),
    [
        ("good.csv", 2, 0), ("good.csv.gz", 2, 0), ("long.csv.gz", 6000, 0), ("other order.csv", 1, 0),
        ("header only.csv", 0, 0), ("rows.csv", 2, 3),
    ],
)  # fmt: skip
def test_a_good_file_is_loaded_beside_them(
    mixed: Outcome, key: str, rows_out: int, rows_rejected: int
) -> None:
    (file,) = [item for item in mixed.report["files"] if item["key"] == key]
    assert file["state"] == "SUCCEEDED"
    assert file["reason"] is None
    assert (file["rows_out"], file["rows_rejected"]) == (rows_out, rows_rejected)


def test_every_row_is_accounted_for(mixed: Outcome) -> None:
    report = mixed.report
    assert mixed.code == 0
    assert report["rows_in"] == report["rows_out"] + report["rows_rejected"] == 6010
    for total in ("rows_in", "rows_out", "rows_rejected"):
        assert report[total] == sum(item[total] for item in report["files"])
    assert all(item["rows_in"] == item["rows_out"] + item["rows_rejected"] for item in report["files"])
    assert len(read_rows(mixed.output_uri)) == report["rows_out"]
    assert len(mixed.rejects()) == report["rows_rejected"]


def test_columns_go_by_name_and_carry_their_source(mixed: Outcome) -> None:
    (row,) = [row for row in read_rows(mixed.output_uri) if row["_source_key"] == "other order.csv"]
    assert row == {
        "id": 3, "name": "carla", "_source_key": "other order.csv", "_upload_id": "up-3",
        "_batch_id": "batch-1",
    }  # fmt: skip
    assert list(row) == ["id", "name", "_source_key", "_upload_id", "_batch_id"]


def test_a_rejected_row_says_all_of_where_and_why(mixed: Outcome) -> None:
    source = {"_source_key": "rows.csv", "_upload_id": "up-5", "row": None}
    whole = {"column": None, "value": None, "type": None}
    assert mixed.rejects() == [
        {
            **source, "line": 2, "column": "id", "value": "x", "type": "INT",
            "reason": "column id: 'x' is not INT", "text": "x,dora",
        },
        {**source, **whole, "line": 3, "reason": "it has 1 fields, not 2", "text": "4"},
        {**source, **whole, "line": 4, "reason": "it has 3 fields, not 2", "text": "5,emil,extra"},
    ]  # fmt: skip

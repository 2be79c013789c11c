"""The Spark program over good input: formats, names of files, sizes of output, retries, and how it fails."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from .conftest import Drop, Outcome

NAMES = [
    "a b.csv", "a+b.csv", "100%.csv", "a%20b.csv", "Größe-日本.csv", "star*.csv", "what?.csv", "set[1].csv",
    "either{a,b}.csv", "back\\slash.csv", "_hidden.csv", ".dotted.csv", "_SUCCESS", "year=2013/part.csv",
    "quote'\".csv", "a;b=c&d#e.csv",
]  # fmt: skip


def parquet_files(outcome: Outcome) -> list[Path]:
    return sorted(Path(outcome.output_uri.removeprefix("file://")).rglob("*.parquet"))


def test_any_key_is_read_and_named_as_it_is(drop: Drop) -> None:
    for number, name in enumerate(NAMES):
        drop.put(name, f"id,name\n{number},x\n")
    outcome = drop.run()
    assert [item["reason"] for item in outcome.report["files"]] == [None] * len(NAMES)
    rows = outcome.output().orderBy("id").select("_source_key", "_upload_id").collect()
    assert [tuple(row) for row in rows] == [(name, f"up-{number}") for number, name in enumerate(NAMES)]
    assert not (drop.folder / "artifacts" / "staging").exists()


def test_many_small_files_become_few(drop: Drop) -> None:
    for number in range(300):
        drop.put(f"in/{number}.csv", f"id,name\n{number},x\n{number},y\n")
    outcome = drop.run()
    assert outcome.report["rows_out"] == 600
    assert {item["rows_out"] for item in outcome.report["files"]} == {2}
    assert len(parquet_files(outcome)) == 1


@pytest.mark.parametrize("name", ["{}.csv", "{}.csv.gz", "one.csv.gz"])
def test_output_files_have_the_size_that_is_asked_for(drop: Drop, name: str) -> None:
    lines = [f"{number},{_hex(number)}\n" for number in range(120_000)]
    for part in range(6 if "{" in name else 1):
        text = "id,name\n" + "".join(lines[part::6] if "{" in name else lines)
        drop.put(name.format(part), gzip.compress(text.encode(), 1) if name.endswith(".gz") else text)
    outcome = drop.run(output={"file_bytes": 400_000})
    sizes = [path.stat().st_size for path in parquet_files(outcome)]
    assert outcome.report["rows_out"] == len(lines)
    assert len(sizes) > 3
    assert max(sizes) < 2 * 400_000


def _hex(number: int) -> str:
    """Text that does not compress away."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[:16]


def test_partitions_and_their_files(drop: Drop) -> None:
    for number in range(4):
        drop.put(f"{number}.csv", "id,name\n" + "".join(f"{item},{item % 2}\n" for item in range(50)))
    outcome = drop.run(output={"partition_by": ["name"]})
    assert sorted(path.parent.name for path in parquet_files(outcome)) == ["name=0", "name=1"]
    assert outcome.report["rows_out"] == 200


def test_a_retry_replaces_output_and_rejects(drop: Drop) -> None:
    path = drop.put("a.csv", "id,name\n1,x\nbad,y\n")
    first = drop.run()
    assert (first.report["rows_out"], first.report["rows_rejected"]) == (1, 1)
    again = drop.run()
    assert again.output().count() == 1
    assert len(again.rejects()) == 1
    path.write_text("id,name\n1,x\n2,y\n")
    mended = drop.run()
    assert sorted(row.id for row in mended.output().collect()) == [1, 2]
    assert not (drop.folder / "rejects" / "batch=1").exists()


def test_when_all_files_are_bad_the_job_still_ends_well(drop: Drop) -> None:
    path = drop.put("a.csv", "id,name\n1,x\n")
    drop.run()
    path.write_bytes(b"")
    outcome = drop.run()
    assert outcome.code == 0
    assert (outcome.report["rows_in"], outcome.report["files"][0]["state"]) == (0, "QUARANTINED")
    assert not (drop.folder / "out" / "batch=1").exists()


def test_json_lines(drop: Drop) -> None:
    drop.put("a.json", '{"id": 1, "name": "x"}\n{"id": "one", "name": "y"}\n{"id": 2\n\n{"name": "no id"}\n')
    drop.put("b.json.gz", gzip.compress(b'{"id": 3, "name": "z", "more": [1]}\n'))
    outcome = drop.run(format="json")
    assert sorted((row.id or 0, row.name) for row in outcome.output().collect()) == [
        (0, "no id"),
        (1, "x"),
        (3, "z"),
    ]
    assert {row["line"]: row["reason"] for row in outcome.rejects()} == {
        '{"id": "one", "name": "y"}': "column id: 'one' is not INT",
        '{"id": 2': "the line is not a JSON object",
    }
    assert outcome.report["rows_in"] == 5


def test_parquet(drop: Drop) -> None:
    source = drop.folder / "made"
    frame = drop.spark.createDataFrame([(1, "x"), (2, None)], "id INT, name STRING")
    frame.coalesce(1).write.parquet(f"file://{source}")
    content = next(source.glob("*.parquet")).read_bytes()
    frame.selectExpr("CAST(id AS STRING) id", "name").coalesce(1).write.mode("overwrite").parquet(
        f"file://{source}"
    )
    drop.put("a.parquet", content)
    drop.put("cut.parquet", content[:-10])
    drop.put("text.parquet", "id,name\n1,x\n")
    drop.put("types.parquet", next(source.glob("*.parquet")).read_bytes())
    outcome = drop.run(format="parquet", schema="id INT, name STRING NOT NULL")
    assert outcome.file("a.parquet")["rows_out"] == 1
    assert outcome.rejects()[0]["reason"] == "column name may not be null"
    assert "truncated" in outcome.file("cut.parquet")["reason"]
    assert "not a Parquet file" in outcome.file("text.parquet")["reason"]
    assert "Spark cannot read it" in outcome.file("types.parquet")["reason"]
    assert outcome.report["rows_in"] == 2


def test_a_schema_is_inferred_for_the_batch(drop: Drop) -> None:
    drop.put("a.csv", "id,value\n1,2\n")
    drop.put("b.csv", '"id","value"\n2,2.5\n')
    drop.put("c.csv", "value,id\nx,3000000000\n")
    drop.put("d.csv", "id,other\n1,2\n")
    outcome = drop.run(schema=None)
    assert outcome.output().dtypes[:2] == [("id", "bigint"), ("value", "string")]
    assert sorted((row.id, row.value) for row in outcome.output().collect()) == [
        (1, "2"),
        (2, "2.5"),
        (3000000000, "x"),
    ]
    assert "those of most files" in outcome.file("d.csv")["reason"]


def test_records_over_several_lines(drop: Drop) -> None:
    drop.put("a.csv", 'id,name\n1,"two\nlines"\nx,"bad\nid"\n')
    outcome = drop.run(options={"multiLine": "true"})
    assert [row.name for row in outcome.output().collect()] == ["two\nlines"]
    assert [row["reason"] for row in outcome.rejects()] == ["column id: 'x' is not INT"]


@pytest.mark.parametrize("data_format", ["json", "csv"])
def test_other_output_formats(drop: Drop, data_format: str) -> None:
    drop.put("a.csv", "id,name\n1,x\n2,y\n")
    outcome = drop.run(output={"format": data_format})
    assert outcome.report["files"][0]["rows_out"] == 2
    frame = drop.spark.read.format(data_format).option("header", "true").load(outcome.output_uri)
    assert sorted(row.name for row in frame.collect()) == ["x", "y"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"schema": "id INT, name STRNG"}, "input.schema is not Spark DDL"),
        ({"schema": "id INT, _upload_id STRING"}, "input.schema names _upload_id"),
        (
            {"output": {"partition_by": ["year"]}},
            "output.partition_by names year, but the columns are id, name.",
        ),
        ({"format": "xml"}, "input.format is 'xml'; it can be csv, json, parquet."),
        ({"options": {"ignoreCorruptFiles": "true"}}, "input.options may not set ignoreCorruptFiles"),
        ({"files": [{"upload_id": "u"}]}, "is not usable"),
    ],
)
def test_an_error_of_the_job_is_one_plain_last_line(
    drop: Drop, capsys: pytest.CaptureFixture[str], changes: dict[str, object], sentence: str
) -> None:
    drop.put("a.csv", "id,name\n1,x\n")
    outcome = drop.run(**changes)
    assert (outcome.code, outcome.report) == (1, {})
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_a_manifest_that_is_not_there(drop: Drop, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"file://{drop.folder}/none.json"
    assert drop.module.main(["--manifest", uri], drop.spark) == 1
    assert f"The manifest {uri} cannot be read" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_that_changes_while_it_is_read_is_not_half_taken(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop.put("a.csv", "id,name\n1,old\n")
    load = drop.module.load
    passes = []

    def load_and_change(*arguments: object) -> object:
        result = load(*arguments)
        if not passes:
            path.write_text("id,name\n1,new\n2,new\n")
        passes.append(result)
        return result

    monkeypatch.setattr(drop.module, "load", load_and_change)
    outcome = drop.run()
    assert len(passes) == 2
    assert [row.name for row in outcome.output().collect()] == ["new", "new"]
    assert outcome.report["rows_out"] == 2


def test_the_caller_s_session_is_left_as_it_was(drop: Drop) -> None:
    name = "spark.sql.adaptive.advisoryPartitionSizeInBytes"
    before = drop.spark.conf.get(name)
    drop.put("a.csv", "id,name\n1,x\n")
    outcome = drop.run(output={"file_bytes": 12345})
    assert drop.spark.conf.get(name) == before
    assert json.dumps(outcome.report["output"]) == json.dumps(outcome.output_uri)

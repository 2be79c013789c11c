"""The whole program over good input: names, sizes and places of files, retries, and how it fails."""

import gzip
import hashlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from ingest_parts import gathering, planning
from ingest_parts.faults import IngestError, SettingsError, StoreError, fault_of, first_line
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from .conftest import Drop, Outcome
from .results import list_files, read_rows

NAMES = [
    "a b.csv", "a+b.csv", "100%.csv", "a%20b.csv", "Größe-日本.csv", "star*.csv", "what?.csv", "set[1].csv",
    "either{a,b}.csv", "back\\slash.csv", "_hidden.csv", ".dotted.csv", "_SUCCESS", "year=2013/part.csv",
    "quote'\".csv", "a;b=c&d#e.csv",
]  # fmt: skip
GOOD = "id,name\n1,x\n"


@pytest.fixture
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few KB are worth a task of their own."""
    monkeypatch.setattr(planning, "LEAST_BYTES", 4096)
    monkeypatch.setattr(planning, "OPEN_BYTES", 0)
    monkeypatch.setattr(planning, "_part_size", lambda *_: 4096)
    monkeypatch.setattr(planning.plan_tasks, "__defaults__", (4096,))


def folder_of(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def parquet_files(outcome: Outcome) -> list[Path]:
    return [path for path in list_files(outcome.output_uri) if path.suffix == ".parquet"]


def test_tasks_run_what_ships(ingest: ModuleType, spark: SparkSession) -> None:
    def where(_: int) -> str:
        import ingest_parts.task

        return str(ingest_parts.task.__file__)

    assert ingest.run.__module__ == "ingest"
    (path,) = spark.sparkContext.parallelize([0], 1).map(where).collect()
    assert "/ingest_parts.zip/" in path


def test_any_key_is_read_and_named_as_it_is(drop: Drop) -> None:
    for number, name in enumerate(NAMES):
        drop.put(name, f"id,name\n{number},x\n")
    outcome = drop.run()
    assert [item["reason"] for item in outcome.report["files"]] == [None] * len(NAMES)
    rows = sorted(read_rows(outcome.output_uri), key=lambda row: row["id"])
    assert [(row["_source_key"], row["_upload_id"]) for row in rows] == [
        (name, f"up-{number}") for number, name in enumerate(NAMES)
    ]
    assert {row["_batch_id"] for row in rows} == {"batch-1"}


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
    assert max(sizes) < 1.5 * 400_000


def _hex(number: int) -> str:
    """Text that does not compress away."""
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[:16]


def test_partitions_and_their_files(drop: Drop) -> None:
    for number in range(4):
        drop.put(f"{number}.csv", "id,name\n" + "".join(f"{item},{item % 2}\n" for item in range(50)))
    outcome = drop.run(output={"partition_by": ["name"]})
    assert [path.parent.name for path in parquet_files(outcome)] == ["name=0", "name=1"]
    assert outcome.report["rows_out"] == 200


@pytest.mark.usefixtures("small_tasks")
def test_what_many_tasks_write_to_a_partition_becomes_one_file(drop: Drop) -> None:
    count = gathering.MANY_TASKS + 1
    for number in range(count):
        drop.put(f"{number}.csv", "id,name\n" + "".join(f"{item},{item % 2}\n" for item in range(1500)))
    outcome = drop.run(output={"partition_by": ["name"]})
    assert [path.parent.name for path in parquet_files(outcome)] == ["name=0", "name=1"]
    rows = [(row["_source_key"], row["id"]) for row in read_rows(outcome.output_uri)]
    assert sorted(rows) == sorted((f"{number}.csv", item) for number in range(count) for item in range(1500))
    assert not (drop.folder / "artifacts" / "staging").exists()


@pytest.mark.usefixtures("small_tasks")
def test_a_file_that_many_tasks_read_is_one_file(drop: Drop) -> None:
    records = [
        f'{number if number % 100 else "x"},"a\n{"y" * (number % 40)}, ""{number}"""\n'
        for number in range(2000)
    ]
    drop.put("a.csv", "id,name\n" + "".join(records))
    drop.put("b.csv", "id,name\n" + "".join(records)[:-2])
    outcome = drop.run()
    assert (outcome.file("a.csv")["rows_out"], outcome.file("a.csv")["rows_rejected"]) == (1980, 20)
    assert outcome.file("b.csv")["state"] == "QUARANTINED"
    assert "never closed" in outcome.file("b.csv")["reason"]
    assert sorted(row["id"] for row in read_rows(outcome.output_uri)) == [
        number for number in range(2000) if number % 100
    ]
    assert [(item["_source_key"], item["line"], item["text"]) for item in outcome.rejects()] == [
        ("a.csv", 2 + 2 * number, records[number].rstrip("\n")) for number in range(0, 2000, 100)
    ]


def test_a_retry_replaces_output_and_rejects(drop: Drop) -> None:
    path = drop.put("a.csv", GOOD + "bad,y\n")
    first = drop.run()
    assert (first.report["rows_out"], first.report["rows_rejected"]) == (1, 1)
    again = drop.run()
    assert len(read_rows(again.output_uri)) == len(again.rejects()) == 1
    path.write_text(GOOD + "2,y\n")
    mended = drop.run()
    assert sorted(row["id"] for row in read_rows(mended.output_uri)) == [1, 2]
    assert not folder_of(mended.rejects_uri).exists()


def test_when_all_files_are_bad_the_job_still_ends_well(drop: Drop) -> None:
    path = drop.put("a.csv", GOOD)
    assert folder_of(drop.run().output_uri).is_dir()
    path.write_bytes(b"")
    outcome = drop.run()
    assert outcome.code == 0
    assert (outcome.report["rows_in"], outcome.report["files"][0]["state"]) == (0, "QUARANTINED")
    assert (outcome.report["output"], outcome.report["schema"]) == (None, None)
    assert not folder_of(outcome.output_uri).exists()


@pytest.mark.parametrize("partition_by", [[], ["name"]])
@pytest.mark.parametrize("data_format", ["parquet", "json", "csv"])
def test_spark_reads_the_output(drop: Drop, data_format: str, partition_by: list[str]) -> None:
    drop.put("a.csv", 'id,name,at,d\n1,"a b/c=d%",2024-01-05 08:30:00.5,1.50\n2,,,\n')
    schema = "id INT, name STRING, at TIMESTAMP, d DECIMAL(9,2)"
    outcome = drop.run(schema=schema, output={"format": data_format, "partition_by": partition_by})
    reader = drop.spark.read.option("header", "true")
    if data_format != "parquet":
        reader = reader.schema(outcome.report["schema"])
    frame = reader.format(data_format).load(outcome.output_uri).orderBy("id")
    found = frame.selectExpr("id", "name", "cast(unix_micros(at) AS STRING) at", "cast(d AS STRING) d")
    assert [tuple(row) for row in found.collect()] == [
        (1, "a b/c=d%", "1704443400500000", "1.50"),
        (2, None, None, None),
    ]


def test_the_report(drop: Drop) -> None:
    size = drop.put("a.csv", GOOD + "x,y\n").stat().st_size
    drop.put("b.csv", b"")
    report = drop.run().report
    assert report.pop("seconds") > 0
    quarantined, succeeded = report["files"][1], report["files"][0]
    assert report == {
        "version": 1, "batch_id": "batch-1", "output": f"file://{drop.folder}/out/batch=1",
        "schema": "id INT, name STRING",
        "rows_in": 2, "rows_out": 1, "rows_rejected": 1, "bytes_in": size, "files": [succeeded, quarantined],
    }  # fmt: skip
    assert succeeded == {
        "upload_id": "up-0", "key": "a.csv", "state": "SUCCEEDED", "rows_in": 2, "rows_out": 1,
        "rows_rejected": 1, "reason": None, "missing_columns": [], "extra_columns": [],
    }  # fmt: skip
    assert (quarantined["state"], quarantined["reason"]) == ("QUARANTINED", "the file is empty")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"schema": "id INT, name STRNG"}, "input.schema is not Spark DDL"),
        ({"schema": "id INT, _upload_id STRING"}, "input.schema names _upload_id"),
        ({"schema": "id INT, i INTERVAL"}, "column i is INTERVAL, which no file can hold"),
        (
            {"output": {"partition_by": ["year"]}},
            "output.partition_by names year, but the columns are id, name.",
        ),
        ({"format": "xls"}, "input.format is 'xls'; it can be csv, json, parquet, avro, orc, xml."),
        ({"input": {"columns": "any"}}, "input.columns is 'any'; it can be exact, evolve, ignore_extra."),
        ({"files": [{"upload_id": "u"}]}, "is not usable"),
    ],
)
def test_an_error_of_the_job_is_one_plain_last_line(
    drop: Drop, capsys: pytest.CaptureFixture[str], changes: dict[str, object], sentence: str
) -> None:
    drop.put("a.csv", GOOD)
    outcome = drop.run(**changes)
    assert (outcome.code, outcome.report) == (1, {})
    last = capsys.readouterr().err.splitlines()[-1]
    assert sentence in last
    assert failure_of(drop) == (last, "configuration")


def test_a_manifest_that_is_not_there(drop: Drop, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"file://{drop.folder}/none.json"
    assert drop.module.main(["--manifest", uri], drop.spark) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"{uri} is not there." in last
    assert failure_of(drop) == (last, "store")


class BrokenError(Exception):
    """No error of ours, and none of Spark's."""


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (IngestError("what now"), "files"), (StoreError("what now"), "store"),
        (SettingsError("what now"), "configuration"), (BrokenError("what now"), None),
    ],
)  # fmt: skip
def test_a_job_that_fails_says_why_and_what_is_to_blame(
    drop: Drop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    fault: str | None,
) -> None:
    def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(drop.module, "run", run)
    uri = f"file://{drop.folder}/manifest.json"
    assert drop.module.main(["--manifest", uri], drop.spark) == 1
    reason = "what now" if fault else f"The program breaks at the batch of {uri}: BrokenError: what now"
    assert failure_of(drop) == (reason, fault)
    assert capsys.readouterr().err.splitlines()[-1] == reason


def test_the_blame_comes_out_of_a_task_too(drop: Drop) -> None:
    def work(kind: str) -> None:
        from ingest_parts import faults

        try:
            Path("/nowhere").read_bytes()
        except OSError as error:
            if kind:
                raise getattr(faults, kind)("all of it") from error
            raise

    for kind, fault in (("StoreError", "store"), ("IngestError", "files"), ("", None)):
        with pytest.raises(Py4JJavaError) as raised:
            drop.spark.sparkContext.parallelize([kind], 1).map(work).collect()
        told = "all of it" if kind else "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere'"
        assert (first_line(raised.value), fault_of(raised.value)) == (told, fault)


def test_a_failure_that_cannot_be_noted_is_said_all_the_same(
    drop: Drop, capsys: pytest.CaptureFixture[str]
) -> None:
    (drop.folder / "file").write_text("no folder")
    uri = f"file://{drop.folder}/file/none.json"
    assert drop.module.main(["--manifest", uri], drop.spark) == 1
    told = capsys.readouterr()
    assert f"{uri} is not there." in told.err.splitlines()[-1]
    assert "the failure is not noted" in told.out


def failure_of(drop: Drop) -> tuple[str, str | None]:
    failure = json.loads((drop.folder / "failure.json").read_text())
    assert failure.pop("version") == 1
    return failure["reason"], failure["fault"]

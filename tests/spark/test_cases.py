"""What files hold in practice and what must become of them: every case of ``cases/*.yaml`` is one batch.

A case has ``files`` (text, or a mapping of ``text`` with ``charset`` and ``compress``, ``hex``, or ``build``:
a function of ``builders.py``), the pipeline keys (``format``, ``schema``, ``input``, ``output``, ``rejects``)
and what must come out:

* ``rows``: the output without the columns of the source, whole, in any order; ``order`` names the columns.
* ``counts``: by file, rows in, out and rejected, where the rows are too many to write down.
* ``rejected``: one mapping a record, each key as the reject has it; ``text``, ``reason`` begin or contain it.
* ``state``, ``reason``, ``missing``, ``extra``: by file; what is not named is SUCCEEDED.
* ``becomes``: the schema of the output.
"""

import bz2
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyspark.sql.types import StructType

from .builders import BUILDERS
from .conftest import Drop, Outcome
from .results import SOURCE_COLUMNS, read_rows, show

CASES: dict[str, dict[str, Any]] = {
    f"{path.stem}: {case['id']}": case
    for path in sorted(Path(__file__).with_name("cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text("utf-8"))
}
COMPRESS = {
    "gzip": gzip.compress,
    "gzip members": lambda data: b"".join(gzip.compress(line) for line in data.splitlines(keepends=True)),
    "bz2": bz2.compress,
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def content_of(given: str | dict[str, str]) -> bytes:
    """The bytes that a case gives to a file."""
    if isinstance(given, str):
        return given.encode()
    if "build" in given:
        return BUILDERS[given["build"]]()
    if "hex" in given:
        return bytes.fromhex(given["hex"])
    data = given["text"].encode(given.get("charset", "utf-8"))
    return COMPRESS[given["compress"]](data) if "compress" in given else data


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, drop: Drop) -> None:
    case = CASES[name]
    for key, given in case["files"].items():
        drop.put(key, content_of(given))
    outcome = drop.run(
        format=case.get("format", "csv"), schema=case.get("schema"), input=case.get("input", {}),
        output=case.get("output", {}), rejects=case.get("rejects", {}),
    )  # fmt: skip
    assert outcome.code == 0
    check_files(case, outcome)
    check_rows(case, outcome)
    check_rejects(case, outcome)


def check_files(case: dict[str, Any], outcome: Outcome) -> None:
    files = {item["key"]: item for item in outcome.report["files"]}
    states = {key: (item["state"], item["reason"]) for key, item in files.items()}
    wanted = {key: case.get("state", {}).get(key, "SUCCEEDED") for key in case["files"]}
    assert {key: state for key, (state, _) in states.items()} == wanted, states
    for key, part in case.get("reason", {}).items():
        assert part in files[key]["reason"]
    for what in ("missing", "extra"):
        for key, names in case.get(what, {}).items():
            assert files[key][f"{what}_columns"] == names
    for key, counts in case.get("counts", {}).items():
        assert [files[key][f"rows_{what}"] for what in ("in", "out", "rejected")] == counts


def check_rows(case: dict[str, Any], outcome: Outcome) -> None:
    rows = read_rows(outcome.output_uri, case.get("output", {}).get("format", "parquet"))
    assert len(rows) == outcome.report["rows_out"]
    if "becomes" in case:
        schema = StructType.fromDDL(outcome.report["schema"])
        ours = StructType([field for field in schema if field.name not in SOURCE_COLUMNS])
        assert ours == StructType.fromDDL(case["becomes"])
    if "rows" not in case:
        return
    order = case.get("order")
    found = [
        repr([show(value) for name, value in pick(row, order).items() if name not in SOURCE_COLUMNS])
        for row in rows
    ]
    assert sorted(found) == sorted(repr([show(value) for value in row]) for row in case["rows"])


def pick(row: dict[str, Any], order: list[str] | None) -> dict[str, Any]:
    return row if order is None else {name: row[name] for name in order}


def check_rejects(case: dict[str, Any], outcome: Outcome) -> None:
    found = outcome.rejects()
    assert len(found) == outcome.report["rows_rejected"]
    good = [item["key"] for item in outcome.report["files"] if item["state"] == "SUCCEEDED"]
    assert {item["_source_key"] for item in found} <= set(good)
    wanted = case.get("rejected", [])
    assert len(found) == len(wanted), found
    for item, want in zip(found, wanted, strict=True):
        assert item["reason"]
        for key, value in want.items():
            name = {"key": "_source_key"}.get(key, key)
            fits = value in item[name] if key in ("reason", "text") else item[name] == value
            assert fits, (item, want)

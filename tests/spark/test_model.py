"""Drawn batches against the model, row by row: ``SPARKDROP_EXAMPLES=2000 pytest tests/spark/test_model.py``
draws other ones each time; without it the same few are drawn, so that a run of all tests says one thing.
"""

import json
import os
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from .conftest import Drop, Outcome
from .drawing import GOOD, Batch, File, batches
from .model import Rules, cast, infer, is_quoted, write_file
from .results import read_rows, show

EXAMPLES = os.environ.get("SPARKDROP_EXAMPLES")
DRAWN = settings(
    max_examples=int(EXAMPLES or 40), derandomize=not EXAMPLES, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
NewDrop = Callable[[], Drop]


@pytest.fixture(scope="module")
def new_drop(tmp_path_factory: pytest.TempPathFactory, ingest: ModuleType, spark: SparkSession) -> NewDrop:
    def make() -> Drop:
        return Drop(tmp_path_factory.mktemp("drawn"), ingest, spark)

    return make


@DRAWN
@given(batch=batches())
def test_a_batch_of_csv_becomes_what_the_model_says(new_drop: NewDrop, batch: Batch) -> None:
    drop = new_drop()
    rows: list[str] = []
    rejects: list[tuple[str, int, dict[str, str]]] = []
    wanted: dict[str, tuple[str, int, int]] = {}
    for file in batch.files:
        data, lines = write_file(file.dialect, file.names, file.records)
        drop.put(file.key, data)
        good, bad = judge(batch, file, lines)
        if good or not bad:
            rows += [repr([file.key, *map(show, row)]) for row in good]
            rejects += bad
        wanted[file.key] = ("SUCCEEDED", len(good), len(bad)) if good or not bad else ("QUARANTINED", 0, 0)
    outcome = run(drop, batch)
    assert found_files(outcome) == wanted
    assert found_rows(batch, outcome) == sorted(rows)
    check_rejects(outcome, rejects)


def run(drop: Drop, batch: Batch) -> Outcome:
    dialect, rules = batch.dialect, batch.rules
    outcome = drop.run(
        schema=", ".join(f"c{place} {kind}" for place, kind in enumerate(batch.kinds)),
        input={
            "separator": dialect.separator, "quote": dialect.quote, "escape": dialect.escape,
            "header": dialect.header, "skip_lines": len(dialect.preamble), "comment": dialect.comment,
            "charset": dialect.charset, "nulls": list(batch.nulls), "decimal": rules.decimal,
            "grouping": rules.grouping, "time_zone": rules.time_zone,
        },
        output=batch.output,
    )  # fmt: skip
    assert outcome.code == 0
    return outcome


def judge(
    batch: Batch, file: File, lines: list[int]
) -> tuple[list[list[Any]], list[tuple[str, int, dict[str, str]]]]:
    """The rows of a file, and its rejects with every column and value that may be named."""
    good: list[list[Any]] = []
    bad: list[tuple[str, int, dict[str, str]]] = []
    for record, line in zip(file.records, lines, strict=True):
        if record.raw is not None or len(record.fields) != len(batch.kinds):
            bad.append((file.key, line, {}))
            continue
        row: dict[int, Any] = {}
        faults: dict[str, str] = {}
        for place, (text, quoted) in zip(file.places, record.fields, strict=True):
            if is_missing(batch, file, place, text, quoted=quoted):
                row[place] = None
                continue
            assert text is not None
            try:
                row[place] = cast(text, batch.kinds[place], batch.rules)
            except ValueError:
                faults[f"c{place}"] = text
        if faults:
            bad.append((file.key, line, faults))
        else:
            good.append([row[place] for place in range(len(batch.kinds))])
    return good, bad


def is_missing(batch: Batch, file: File, place: int, text: str | None, *, quoted: bool) -> bool:
    """Nothing or a declared null; in quotes these are text where the type is one."""
    if text is None:
        return True
    if batch.kinds[place].startswith(("STRING", "VARCHAR")):
        return text in batch.nulls and not is_quoted(file.dialect, text, quoted=quoted)
    return text.strip(" \t") in ("", *batch.nulls)


def found_files(outcome: Outcome) -> dict[str, tuple[str, int, int]]:
    files = outcome.report["files"]
    assert all(item["rows_in"] == item["rows_out"] + item["rows_rejected"] for item in files)
    return {item["key"]: (item["state"], item["rows_out"], item["rows_rejected"]) for item in files}


def found_rows(batch: Batch, outcome: Outcome) -> list[str]:
    """The output's rows; what its format writes as text is read by the declared type."""
    rows = read_rows(outcome.output_uri, batch.output["format"])
    return sorted(
        repr([
            row["_source_key"],
            *(show(back(row.get(f"c{place}"), kind)) for place, kind in enumerate(batch.kinds)),
        ])
        for row in rows
    )  # fmt: skip


def back(value: Any, kind: str) -> Any:
    """A value as it was read back: those of Parquet as they are."""
    if value is None or (kind.startswith(("STRING", "VARCHAR")) and isinstance(value, str)):
        return value
    if isinstance(value, datetime) or not isinstance(value, str):
        text = {bool: lambda: str(value).lower(), float: lambda: repr(value)}.get(type(value))
        if kind == "DOUBLE" and not isinstance(value, float):
            return float(value)
        if kind.startswith("TIMESTAMP") or text is not None or kind == "DATE":
            return value
        return cast(str(value), kind, Rules())
    return cast(value, kind, Rules())


def check_rejects(outcome: Outcome, wanted: list[tuple[str, int, dict[str, str]]]) -> None:
    found = outcome.rejects()
    assert [(item["_source_key"], item["line"]) for item in found] == [
        item[:2] for item in sorted(wanted, key=lambda item: item[:2])
    ]
    for item, (_, _, faults) in zip(found, sorted(wanted, key=lambda item: item[:2]), strict=True):
        assert item["reason"]
        if faults:
            assert item["column"] in faults, (item, faults)
            assert item["value"].strip() == faults[item["column"]].strip()


@DRAWN
@given(data=st.data())
def test_inference_gives_back_every_value(new_drop: NewDrop, data: st.DataObject) -> None:
    kinds = ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP")
    odd = st.sampled_from(
        ("00123", "1E5", "12D", "9007199254740993", "1.50", "x", "08:30", "2024", "-", "1,5")
    )
    columns = []
    count = data.draw(st.integers(1, 6))
    for _ in range(data.draw(st.integers(1, 4))):
        drawn = st.sampled_from([GOOD[data.draw(st.sampled_from(kinds))], odd]).flatmap(lambda values: values)
        values = drawn.map(str.strip).filter(lambda text: text not in ("NaN", "Infinity", "-Infinity"))
        column = data.draw(st.lists(st.none() | values, min_size=count, max_size=count))
        columns.append(column if columns or column[0] else ["7", *column[1:]])
    drop = new_drop()
    lines = [
        ",".join(f'"{text}"' if text else "" for text in row)
        for row in zip(["r"] * count, *columns, strict=True)
    ]
    drop.put("a.csv", "k," + ",".join(f"c{n}" for n in range(len(columns))) + "\n" + "\n".join(lines))
    outcome = drop.run(schema=None)
    assert outcome.code == 0
    assert outcome.report["files"][0]["state"] == "SUCCEEDED", outcome.report
    schema = StructType.fromDDL(outcome.report["schema"])
    types = [infer(column) for column in columns]
    names = {"INTEGER": "INT", "LONG": "BIGINT"}
    found = [schema[f"c{n}"].dataType.typeName().upper() for n in range(len(columns))]
    assert [names.get(name, name) for name in found] == types
    rows = [repr([show(row[f"c{n}"]) for n in range(len(columns))]) for row in read_rows(outcome.output_uri)]
    assert sorted(rows) == sorted(
        repr(
            [
                None if text is None else show(cast(text, kind, Rules()))
                for text, kind in zip(row, types, strict=True)
            ]
        )
        for row in zip(*columns, strict=True)
    )


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9), st.text(max_size=6),
    st.sampled_from(("5", "true", 'x{["]}', "a\nb")), st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
FITS: dict[str, Callable[[Any], bool]] = {
    "INT": lambda value: type(value) is int and -(2**31) <= value < 2**31,
    "BIGINT": lambda value: type(value) is int,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "DOUBLE": lambda value: type(value) is float or (type(value) is int and float(value) == value),
    "STRING": lambda value: isinstance(value, str),
}  # fmt: skip


@DRAWN
@given(data=st.data())
def test_a_batch_of_json_becomes_what_the_model_says(new_drop: NewDrop, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(FITS)), min_size=1, max_size=4))
    typed = {"STRING": st.none() | st.text(max_size=6)}
    cells = [
        typed[kind] if kind in typed else st.none() | VALUES.filter(FITS[kind]) | VALUES for kind in kinds
    ]
    names = [f"c{place}" for place in range(len(kinds))]
    rows = data.draw(st.lists(st.tuples(*cells), min_size=1, max_size=8))
    objects = [
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=data.draw(st.booleans())) for row in rows
    ]
    if data.draw(st.booleans()):
        objects = [json.dumps(json.loads(text), indent=1) for text in objects]
    text = data.draw(st.sampled_from(("{}\n", "{} ", "{}", "{}\r\n\r\n")))
    body = "".join(text.replace("{}", item) for item in objects)
    drop = new_drop()
    drop.put("a.json", data.draw(st.sampled_from((body, "[" + ",\n".join(objects) + "]"))))
    outcome = drop.run(format="json", schema=", ".join(map("{} {}".format, names, kinds)))
    fit = [
        row
        for row in rows
        if all(value is None or FITS[kind](value) for value, kind in zip(row, kinds, strict=True))
    ]
    assert outcome.code == 0
    (file,) = outcome.report["files"]
    if not fit:
        assert file["state"] == "QUARANTINED"
        return
    assert (file["state"], file["rows_out"], file["rows_rejected"]) == (
        "SUCCEEDED",
        len(fit),
        len(rows) - len(fit),
    )
    doubles = [kind == "DOUBLE" for kind in kinds]
    wanted = [
        [
            float(value) if double and value is not None else value
            for value, double in zip(row, doubles, strict=True)
        ]
        for row in fit
    ]
    found = [[row[name] for name in names] for row in read_rows(outcome.output_uri)]
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))

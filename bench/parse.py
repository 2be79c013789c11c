"""How long it takes to turn pipeline files into DAGs, in a fresh process, and what that is made of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.figures import render_table
from bench.system import CONFIGS, DAGS, JOBS
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PIPELINES = (1, 20, 100)
_REPEATS = 3
_TOP = 10
_ENTRY = re.compile(r"import time:\s*(\d+) \|\s*\d+ \|\s*(\S+)")
_DEPLOYMENT = (
    *("UPLOADS_BUCKET", "CURATED_BUCKET", "ARTIFACTS_BUCKET", "LOGS_BUCKET", "ARRIVALS_QUEUE_URL"),
    *("LEDGER_TABLE", "EMR_SERVICE_ROLE", "EMR_INSTANCE_PROFILE"),
)
_SECTIONS = {"airflow.providers": 3, "airflow": 2}
"""How many parts of a module's name tell whose it is; 1 elsewhere."""

_PROGRAM = """
import json, runpy, sys, time
marks = [time.perf_counter()]
def mark():
    marks.append(time.perf_counter())
import airflow.sdk; mark()
import sparkdrop.orchestration.dag_factory, sparkdrop.orchestration.routes; mark()
found = runpy.run_path(sys.argv[1]); mark()
dags = sum(isinstance(value, airflow.sdk.DAG) for name, value in found.items() if name != "dag")
print(json.dumps({"dags": dags, "parts": [after - before for before, after in zip(marks, marks[1:])]}))
"""
_PIPELINE = """\
description: Pipeline {number}
tags: [bench]
arrival: {{keys: ["p{number}/*.csv", "p{number}/*.csv.gz"]}}
input: {{schema: "year INT, month INT, day INT, carrier STRING", nulls: [NA]}}
output: {{partition_by: [year, month]}}
"""


def measure() -> tuple[dict[str, Any], str]:
    """Measure folders of several sizes, whole and as a task's process reads them.

    Returns:
        The figures, and the same as tables.
    """
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as folder:
        home = Path(folder)
        _parse(home, _write_configs(home, 1))  # Airflow writes its own files at its first start
        rows: dict[str, dict[str, Any]] = {}
        for count in PIPELINES:
            configs = _write_configs(home, count)
            rows[f"{count} pipelines"] = _repeat(home, configs)
        rows[f"1 wanted of {PIPELINES[-1]}"] = _repeat(home, configs, wanted="p0")
        imports = _time_imports(home, configs)
    return {"parse": rows, "import_seconds": imports}, _render(rows, imports)


def _write_configs(home: Path, count: int) -> Path:
    folder = home / f"configs-{count}"
    folder.mkdir(exist_ok=True)
    (folder / "_defaults.yaml").write_bytes((CONFIGS / "_defaults.yaml").read_bytes())
    for number in range(count):
        (folder / f"p{number}.yaml").write_text(_PIPELINE.format(number=number), encoding="utf-8")
    return folder


def _repeat(home: Path, configs: Path, wanted: str | None = None) -> dict[str, Any]:
    answers = [_parse(home, configs, wanted) for _ in range(_REPEATS)]
    parts = [round(median(answer["parts"][n] for answer in answers), 3) for n in range(3)]
    return {"dags": answers[0]["dags"], "parts": parts, "total": round(sum(parts), 3)}


def _parse(home: Path, configs: Path, wanted: str | None = None) -> Any:  # noqa: ANN401 - JSON
    return json.loads(_run(home, configs, wanted).stdout.splitlines()[-1])


def _run(
    home: Path, configs: Path, wanted: str | None = None, *options: str
) -> subprocess.CompletedProcess[str]:
    """Parse in a fresh process; in a deployment whose names mean nothing, as parsing asks nobody."""
    environment = {
        **os.environ,
        **{f"SPARKDROP_{name}": "bench" for name in _DEPLOYMENT},
        "SPARKDROP_CONFIG_DIR": str(configs),
        "SPARKDROP_JOBS_DIR": str(JOBS),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(REPOSITORY / "plugins"),
        # how a task's process says which DAG it belongs to
        **({"_AIRFLOW_PARSING_CONTEXT_DAG_ID": wanted} if wanted else {}),
    }
    command = [sys.executable, *options, "-c", _PROGRAM, str(DAGS / "pipelines.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=home)


def _time_imports(home: Path, configs: Path) -> dict[str, float]:
    return read_imports(_run(home, configs, "p0", "-X", "importtime").stderr)


def read_imports(timed: str) -> dict[str, float]:
    """Read what `-X importtime` has written: seconds by package, the longest first."""
    entries = (match for line in timed.splitlines() if (match := _ENTRY.match(line)))
    return sum_imports((match[2], int(match[1])) for match in entries)


def sum_imports(entries: Iterable[tuple[str, int]]) -> dict[str, float]:
    """Add up modules' own import times by whose they are, the longest first.

    Args:
        entries: a module and the microseconds that it took without what it imports.

    Returns:
        Seconds by package; `airflow` by its parts, its providers each by itself.
    """
    sums: Counter[str] = Counter()
    for module, microseconds in entries:
        sums[_find_package(module)] += microseconds
    return {name: round(taken / 1e6, 3) for name, taken in sums.most_common()}


def _find_package(module: str) -> str:
    parts = module.split(".")
    kept = next((many for start, many in _SECTIONS.items() if f"{module}.".startswith(f"{start}.")), 1)
    return ".".join(parts[:kept])


def _render(rows: Mapping[str, dict[str, Any]], imports: Mapping[str, float]) -> str:
    header = ("fresh process, seconds", "DAGs", "import airflow.sdk", "import sparkdrop", "DAG file", "total")
    table = render_table(
        header, [(name, row["dags"], *row["parts"], row["total"]) for name, row in rows.items()]
    )
    top = list(imports.items())[:_TOP]
    rest = sum(imports.values()) - sum(taken for _, taken in top)
    return "\n\n".join(
        [
            table,
            render_table(
                ("imports of a task's process (under -X importtime)", "seconds"),
                [*top, ("everything else", rest), ("all", sum(imports.values()))],
            ),
        ]
    )

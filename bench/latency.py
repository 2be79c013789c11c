"""How long from an upload to its Spark step: Sparkdrop warm and cold, and a stock DAG, taken in turns."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import count_times, render_table, summarise
from bench.system import CONFIGS, DAGS, BenchError, BenchSystem, run_system, wait_for
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.tracking import ENDS
from sparkdrop.core.uploads import Arrival

GOAL_SECONDS = 3.0
_HERE = Path(__file__).resolve().parent
_BODY = b"a,b\n1,2\n"
_STOCK_POKE_SECONDS = 5
_LISTEN_SECONDS = 5
"""From a DAG that Airflow knows to its watcher in the triggerer, which looks for new ones every second."""

_PATIENCE_SECONDS = 360
"""More than the sweep's five minutes: a drop that waits for it is a bad figure, not a failed bench."""
_PIPELINE = """\
description: For the bench
arrival: {{keys: ["{name}/*.csv"]}}
job: {{program: nothing.py}}
compute: {{reuse: {reuse}}}
retries: {{attempts: 1}}
"""


@dataclass(frozen=True, slots=True)
class Drop:
    """One measured upload; times in seconds from the end of its PUT.

    Attributes:
        step: to the step that EMR has started.
        result: to the result on record.
        parts: to each station before, in their order.
    """

    step: float
    result: float
    parts: dict[str, float] = field(default_factory=dict)


Measure = Callable[[], Drop]


@dataclass(frozen=True, slots=True)
class Landed:
    """An object that was just put.

    Attributes:
        key: its key.
        version: its version.
        at: when the PUT had returned, in seconds since 1970.
    """

    key: str
    version: str
    at: float


def measure(drops: int) -> tuple[dict[str, Any], str]:
    """Measure `drops` uploads each way, in turns, after one of each that does not count.

    Returns:
        The figures, and the same as tables.
    """
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as folder:
        configs, dags = Path(folder, "configs"), Path(folder, "dags")
        configs.mkdir()
        shutil.copy(CONFIGS / "_defaults.yaml", configs)
        _write_pipeline(configs, "cold", "never")
        shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(_HERE / "stock_dag.py", dags)
        with run_system(configs=configs, jobs=_HERE / "programs", dags=dags) as system:
            return _measure(system, configs, drops)


def _measure(system: BenchSystem, configs: Path, drops: int) -> tuple[dict[str, Any], str]:
    _write_pipeline(configs, "warm", _start_cluster(system))
    program = (_HERE / "programs" / "nothing.py").read_bytes()
    system.s3.put_object(Bucket=system["ARTIFACTS_BUCKET"], Key="bench/nothing.py", Body=program)
    for dag_id in ("warm", "cold", "stock"):
        wait_for(f"DAG {dag_id}", lambda dag_id=dag_id: system.is_parsed(dag_id))  # type: ignore[misc]  # a lambda's default
    time.sleep(_LISTEN_SECONDS)
    ways: dict[str, Measure] = {
        "warm": lambda: _drop_on_sparkdrop(system, "warm"),
        "cold": lambda: _drop_on_sparkdrop(system, "cold"),
        "stock": lambda: _drop_on_stock(system),
    }
    found: dict[str, list[Drop]] = {name: [] for name in ways}
    for number in range(drops + 1):
        for name, way in ways.items():
            drop = way()
            print(f"  {number:2} {name:5} step {drop.step:6.2f} s, result {drop.result:6.2f} s", flush=True)
            if number:
                found[name].append(drop)
    return _summarise(found), _render(found)


# ways


def _drop_on_sparkdrop(system: BenchSystem, pipeline: str) -> Drop:
    ledger = Ledger(system["LEDGER_TABLE"], client=system.client("dynamodb"))
    landed = _put(system, pipeline)
    arrival = Arrival(
        system["UPLOADS_BUCKET"], landed.key, landed.version, None, len(_BODY), datetime.now(UTC)
    )

    def find_end() -> dict[str, Any] | None:
        (item,) = ledger.read_uploads([arrival.upload_id]) or [{"state": None}]
        return item if item["state"] in ENDS else None

    upload = wait_for(f"end of {landed.key}", find_end, seconds=_PATIENCE_SECONDS)
    head = ledger.read_batch(upload["batch_id"])
    if upload["state"] != "SUCCEEDED" or head is None or head.step_id is None:
        raise BenchError(f"{landed.key} is {upload['state']}: {upload.get('reason')}")
    _wait_for_run(system, pipeline, head.run_id)
    run = next(one for one in system.read_runs(pipeline) if one["dag_run_id"] == head.run_id)
    tasks = system.read_tasks(pipeline, head.run_id)
    timeline = system.emr.describe_step(ClusterId=head.job_flow_id, StepId=head.step_id)["Step"]["Status"][
        "Timeline"
    ]
    stations: dict[str, Any] = {
        "wake-up stored": system.read_wake_up(pipeline, head.run_id),
        "run made": run["queued_at"],
        **_read_starts(tasks, ("claim_batch", "create_job_flow", "add_step")),
        "step submitted": timeline["CreationDateTime"],
        "step started": timeline["StartDateTime"],
        "step ended": timeline["EndDateTime"],
        "result on record": upload["updated_at"],
    }
    parts = {name: _parse_time(moment) - landed.at for name, moment in stations.items() if moment}
    return Drop(parts["step started"], parts["result on record"], parts)


def _drop_on_stock(system: BenchSystem) -> Drop:
    run_id = wait_for("waiting sensor of the stock DAG", lambda: _find_waiting_run(system))
    # the file comes at any moment between two looks of the sensor
    time.sleep(1 + random.uniform(0, _STOCK_POKE_SECONDS))  # noqa: S311 - no secret
    landed = _put(system, "stock")
    since = datetime.fromtimestamp(landed.at, UTC)

    def find_start() -> tuple[str, Any] | None:
        clusters = system.emr.list_clusters(CreatedAfter=since)["Clusters"]
        for cluster in (one for one in clusters if one["Name"] == "stock"):
            for step in system.emr.list_steps(ClusterId=cluster["Id"])["Steps"]:
                started = step["Status"]["Timeline"].get("StartDateTime")
                if started:
                    return cluster["Id"], started
        return None

    _, started = wait_for("step of the stock DAG", find_start)
    # the sensor would find the same file for ever
    system.s3.delete_object(Bucket=system["UPLOADS_BUCKET"], Key=landed.key)
    _wait_for_run(system, "stock", run_id)
    ended = system.read_tasks("stock", run_id)["add_step"]["end_date"]
    return Drop(_parse_time(started) - landed.at, _parse_time(ended) - landed.at)


def _find_waiting_run(system: BenchSystem) -> str | None:
    for run in system.read_runs("stock")[:1]:
        run_id: str = run["dag_run_id"]
        if system.read_tasks("stock", run_id)["wait_for_file"]["state"] == "deferred":
            return run_id
    return None


def _wait_for_run(system: BenchSystem, dag_id: str, run_id: str) -> None:
    def find_end() -> str | None:
        states = {run["dag_run_id"]: str(run["state"]) for run in system.read_runs(dag_id)}
        return states[run_id] if states.get(run_id) in {"success", "failed"} else None

    state = wait_for(f"end of run {run_id} of {dag_id}", find_end)
    if state != "success":
        raise BenchError(f"run {run_id} of {dag_id} has failed: what it took says nothing")


def _put(system: BenchSystem, folder: str) -> Landed:
    key = f"{folder}/{time.time_ns()}.csv"
    answer = system.s3.put_object(Bucket=system["UPLOADS_BUCKET"], Key=key, Body=_BODY)
    return Landed(key, answer["VersionId"], time.time())


def _start_cluster(system: BenchSystem) -> str:
    group = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
    job_flow_id: str = system.emr.run_job_flow(
        Name="warm",
        ReleaseLabel="emr-spark-8.0.0",
        Applications=[{"Name": "Spark"}],
        Instances={"InstanceGroups": [group], "KeepJobFlowAliveWhenNoSteps": True},
        JobFlowRole=system["EMR_INSTANCE_PROFILE"],
        ServiceRole=system["EMR_SERVICE_ROLE"],
    )["JobFlowId"]
    system.emr.get_waiter("cluster_running").wait(ClusterId=job_flow_id, WaiterConfig={"Delay": 1})
    return job_flow_id


def _write_pipeline(configs: Path, name: str, reuse: str) -> None:
    (configs / f"{name}.yaml").write_text(_PIPELINE.format(name=name, reuse=reuse), encoding="utf-8")


def _read_starts(tasks: dict[str, dict[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    """When each task began to run; of those that do not wait for Spark, also when it had ended."""
    moments: dict[str, Any] = {}
    for name in names:
        if name in tasks:
            moments[f"{name} runs"] = tasks[name]["start_date"]
            if name != "add_step":
                moments[f"{name} ended"] = tasks[name]["end_date"]
    return moments


def _parse_time(moment: str | datetime) -> float:
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).timestamp()


# what came out


def _summarise(found: dict[str, list[Drop]]) -> dict[str, Any]:
    return {
        name: {
            "step_seconds": [round(drop.step, 3) for drop in drops],
            "result_seconds": [round(drop.result, 3) for drop in drops],
            "parts": {part: round(at, 3) for part, at in find_parts(drops).items()},
        }
        for name, drops in found.items()
    }


def find_parts(drops: list[Drop]) -> dict[str, float]:
    """The median of each station's time, in their order; a station that one drop lacks is left out."""
    names = [name for name in drops[0].parts if all(name in drop.parts for drop in drops)]
    return {name: median(drop.parts[name] for drop in drops) for name in names}


def _render(found: dict[str, list[Drop]]) -> str:
    titles = {
        "warm": "Sparkdrop, cluster up",
        "cold": "Sparkdrop, own cluster",
        "stock": "stock DAG, own cluster",
    }
    rows = []
    steps = {name: summarise(drop.step for drop in drops) for name, drops in found.items()}
    for name, step in steps.items():
        result = summarise(drop.result for drop in found[name])
        times = count_times(step.p50, steps["stock"].p50)
        rows.append(
            (
                *(titles[name], step.count, step.p50, step.p90, step.longest, times),
                *(result.p50, result.p90, result.longest),
            )
        )
    header = ("upload to, seconds", "drops", "step p50", "p90", "max", "stock / it")
    verdict = "reached" if steps["warm"].p50 <= GOAL_SECONDS else "missed"
    return "\n\n".join(
        [
            render_table((*header, "result p50", "p90", "max"), rows),
            f"Goal: warm step p50 <= {GOAL_SECONDS:.0f} s: {verdict}.",
            _render_parts(found),
        ]
    )


def _render_parts(found: dict[str, list[Drop]]) -> str:
    warm, cold = find_parts(found["warm"]), find_parts(found["cold"])
    names = list(cold)
    rows = [(name, warm.get(name, "-"), cold[name]) for name in names]
    return render_table(("median seconds from the PUT to", "warm", "cold"), rows)

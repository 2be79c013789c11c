"""How fast the local EMR answers, beside moto's own, and what it adds to a Spark program that it runs."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import count_times, render_table, summarise
from bench.local_emr import build_cluster, build_step, make_caller, open_emr, time_call
from sparkdrop_local.aws.application import build_application
from sparkdrop_local.aws.clients import Clients
from sparkdrop_local.aws.server import start_server
from sparkdrop_local.emr import NO_DELAYS, Delays
from sparkdrop_local.spark import (
    SparkRuntime,
    build_spark_arguments,
    build_spark_environment,
    find_runtime,
)
from sparkdrop_local.spark_conf import build_spark_conf, write_spark_conf

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Spread
    from bench.local_emr import Call

CALLS = 200
CLUSTERS = 500
STEPS = 10_000
RUNS = 5
_GOAL_CALL_MS, _GOAL_PAGE_MS, _GOAL_START_MS, _GOAL_STEP_SECONDS = 5, 50, 300, 0.5
_WARM_UP = 20
_MOST_ACTIVE = 256
_AT_ONCE = 10
_PROGRAM = Path(__file__).parent / "programs" / "count.py"
_OPERATIONS = ("RunJobFlow", "DescribeCluster", "AddJobFlowSteps")
_METHODS = {
    "RunJobFlow": "run_job_flow",
    "DescribeCluster": "describe_cluster",
    "AddJobFlowSteps": "add_job_flow_steps",
}
# notes when it is started, and becomes java
_JAVA = '#!/bin/sh\ndate +%s%N > "{note}"\nexec "{java}" "$@"\n'


def measure() -> tuple[dict[str, Any], str]:
    """Measure calls in this process and over HTTP, pages of long lists, and steps that run Spark.

    Returns:
        The figures, and the same as tables.
    """
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as folder:
        home = Path(folder)
        calls = _measure_calls(home)
        pages = _measure_pages(home)
        steps = _measure_steps(home)
    figures = {"calls_ms": calls, "pages_ms": pages, **steps}
    return figures, _render(calls, pages, steps)


# calls


def _measure_calls(home: Path) -> dict[str, dict[str, Spread]]:
    """Call in this process and, in turns, the same over HTTP: this EMR, and moto's alone."""
    with open_emr(home / "calls", Delays(starting=86_400)) as (app, serve):
        found = {"in process": _time_calls({"": make_caller(app)})[""]}
        peer = start_server(build_application())
        clients = {
            "over HTTP": Clients(serve())("emr"),
            "moto's own, over HTTP": Clients(peer.endpoint_url)("emr"),
        }
        found |= _time_calls({name: _http_caller(client) for name, client in clients.items()})
        peer.stop()
    return found


def _http_caller(client: Any) -> Call:  # noqa: ANN401 - a boto3 client
    return lambda operation, parameters: getattr(client, _METHODS[operation])(**parameters)


def _time_calls(callers: dict[str, Call]) -> dict[str, dict[str, Spread]]:
    taken: dict[str, dict[str, list[float]]] = {
        name: {operation: [] for operation in _OPERATIONS} for name in callers
    }
    clusters = {name: call("RunJobFlow", build_cluster())["JobFlowId"] for name, call in callers.items()}
    for number in range(_WARM_UP + CALLS):
        for name, call in callers.items():
            parameters = {
                "RunJobFlow": build_cluster(),
                "DescribeCluster": {"ClusterId": clusters[name]},
                "AddJobFlowSteps": {"JobFlowId": clusters[name], "Steps": [build_step("true")]},
            }
            for operation in _OPERATIONS:
                seconds = time_call(lambda: call(operation, parameters[operation]))  # noqa: B023 - called at once
                if number >= _WARM_UP:
                    taken[name][operation].append(1000 * seconds)
    return {
        name: {operation: summarise(found) for operation, found in operations.items()}
        for name, operations in taken.items()
    }


# pages


def _measure_pages(home: Path) -> dict[str, Spread]:
    """List many clusters, and many steps of one cluster, page by page, in this process."""
    with open_emr(home / "pages", Delays(starting=86_400)) as (app, _):
        call = make_caller(app)
        clusters = [call("RunJobFlow", build_cluster())["JobFlowId"] for _ in range(CLUSTERS)]
        _fill(call, clusters[0])
        return {
            f"ListClusters, {CLUSTERS:,} clusters": _time_pages(call, "ListClusters", "Clusters", {}),
            f"ListSteps, {STEPS:,} steps": _time_pages(
                call, "ListSteps", "Steps", {"ClusterId": clusters[0]}
            ),
        }


def _fill(call: Call, cluster: str) -> None:
    """Give a cluster its steps: so many at once as it takes, cancelled before the next ones."""
    left = STEPS
    while left:
        count = min(left, _MOST_ACTIVE)
        steps = [build_step("true")] * count
        identifiers = call("AddJobFlowSteps", {"JobFlowId": cluster, "Steps": steps})["StepIds"]
        left -= count
        for start in range(0, count, _AT_ONCE):
            some = identifiers[start : start + _AT_ONCE]
            call("CancelSteps", {"ClusterId": cluster, "StepIds": some})


def _time_pages(call: Call, operation: str, member: str, parameters: dict[str, Any]) -> Spread:
    taken, marker, count = [], None, 0
    while True:
        began = time.perf_counter()
        page = call(operation, parameters | ({"Marker": marker} if marker else {}))
        taken.append(1000 * (time.perf_counter() - began))
        count += len(page[member])
        marker = page.get("Marker")
        if marker is None:
            break
    if count not in (CLUSTERS, STEPS):
        raise RuntimeError(f"{operation} listed {count}")
    return summarise(taken)


# steps


def _measure_steps(home: Path) -> dict[str, Any]:
    """Run one program in turns: as a step, as a JVM with the step's own command, and by spark-submit."""
    runtime = find_runtime()
    note = home / "started"
    with open_emr(home / "steps", NO_DELAYS, spark=_noting(runtime, note, home)) as (app, serve):
        endpoint_url = serve()
        call = make_caller(app)
        cluster = call("RunJobFlow", build_cluster())["JobFlowId"]
        ways: dict[str, Callable[[], None]] = {
            "step of the local EMR": lambda: _run_step(call, cluster),
            "the step's command alone": _command_runner(runtime, home / "alone", endpoint_url),
            "spark-submit": lambda: _run(_submit_command(runtime)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        starts = []
        for number in range(-1, RUNS):
            for name, run in ways.items():
                began = time.time()
                taken = time_call(run)
                if number < 0:  # the first one fills caches
                    continue
                seconds[name].append(taken)
                if name == "step of the local EMR":
                    starts.append(1000 * (int(note.read_text()) / 1e9 - began))
    return {
        "start_ms": summarise(starts),
        "seconds": {name: summarise(taken) for name, taken in seconds.items()},
    }


def _noting(runtime: SparkRuntime, note: Path, home: Path) -> SparkRuntime:
    """The same runtime, whose java notes when it is started."""
    folder = home / "jdk" / "bin"
    folder.mkdir(parents=True)
    java = folder / "java"
    java.write_text(_JAVA.format(note=note, java=runtime.jdk.java), encoding="utf-8")
    java.chmod(0o755)
    return replace(runtime, jdk=replace(runtime.jdk, home=folder.parent))


def _run_step(call: Call, cluster: str) -> None:
    parameters = {"JobFlowId": cluster, "Steps": [build_step("spark-submit", str(_PROGRAM))]}
    (step,) = call("AddJobFlowSteps", parameters)["StepIds"]
    while True:
        status = call("DescribeStep", {"ClusterId": cluster, "StepId": step})["Step"]["Status"]
        if status["State"] == "COMPLETED":
            return
        if status["State"] not in ("PENDING", "RUNNING"):
            raise RuntimeError(f"the step ended {status}")
        time.sleep(0.005)


def _command_runner(runtime: SparkRuntime, folder: Path, endpoint_url: str) -> Callable[[], None]:
    conf = build_spark_conf(runtime, endpoint_url=endpoint_url, region="us-east-1", scratch_dir=folder)
    write_spark_conf(folder, conf)
    environment = build_spark_environment(runtime, conf_dir=folder)
    command = build_spark_arguments(runtime, [str(_PROGRAM)])
    return lambda: _run(command, environment)


def _submit_command(runtime: SparkRuntime) -> list[str]:
    bounds = ["--master", f"local[{runtime.cores}]", "--driver-memory", runtime.driver_memory]
    settings = ["--conf", "spark.ui.enabled=false", "--conf", "spark.driver.host=127.0.0.1"]
    return [
        *("env", f"JAVA_HOME={runtime.jdk.home}", "SPARK_LOCAL_IP=127.0.0.1"),
        *(str(runtime.home / "bin" / "spark-submit"), *bounds, *settings, str(_PROGRAM)),
    ]


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, check=True, capture_output=True)


# figures


def _render(calls: dict[str, dict[str, Spread]], pages: dict[str, Spread], steps: dict[str, Any]) -> str:
    peer, ours = calls["moto's own, over HTTP"], calls["over HTTP"]
    rows = [
        (
            f"{operation}, {name}",
            *_spread(found[operation]),
            count_times(ours[operation].p50, peer[operation].p50) if name == "over HTTP" else "",
        )
        for operation in _OPERATIONS
        for name, found in calls.items()
    ]
    slowest_call = max(spread.p50 for spread in calls["in process"].values())
    slowest_page = max(spread.longest for spread in pages.values())
    plain, step = steps["seconds"]["spark-submit"], steps["seconds"]["step of the local EMR"]
    added = step.p50 - plain.p50
    return "\n\n".join(
        [
            render_table((f"call, ms, {CALLS} calls", "p50", "p90", "max", "moto / it"), rows),
            f"Goal: call <= {_GOAL_CALL_MS} ms p50 in process: {_judge(slowest_call, _GOAL_CALL_MS)}.",
            render_table(
                ("page of 50, ms, in process", "pages", "p50", "p90", "max"),
                [(name, spread.count, *_spread(spread)) for name, spread in pages.items()],
            ),
            f"Goal: page <= {_GOAL_PAGE_MS} ms: {_judge(slowest_page, _GOAL_PAGE_MS)}.",
            render_table(
                (f"{_PROGRAM.name}, seconds, {RUNS} runs", "p50", "p90", "max"),
                [(name, *_spread(spread)) for name, spread in steps["seconds"].items()],
            ),
            _word_goals(steps["start_ms"], added),
        ]
    )


def _word_goals(start: Spread, added: float) -> str:
    return (
        f"From AddJobFlowSteps to the JVM's start: p50 {start.p50:.0f} ms, max {start.longest:.0f} ms. "
        f"Goals: start <= {_GOAL_START_MS} ms: {_judge(start.p50, _GOAL_START_MS)}; "
        f"a step's p50 is {added:+.2f} s beside spark-submit's, goal <= {_GOAL_STEP_SECONDS} s: "
        f"{_judge(added, _GOAL_STEP_SECONDS)}."
    )


def _spread(spread: Spread) -> tuple[float, float, float]:
    return spread.p50, spread.p90, spread.longest


def _judge(found: float, goal: float) -> str:
    return "reached" if found <= goal else "missed"

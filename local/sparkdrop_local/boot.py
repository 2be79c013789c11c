"""The local system as a whole: what it is made of, how it starts, and how it is stopped from outside."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkdrop_local import airflow, api_process, processes
from sparkdrop_local.supervisor import Child, Plan, Supervisor, make_own_record, read_tail
from sparkdrop_local.system import (
    EMR_DELAYS_VARIABLE,
    REPOSITORY,
    LocalSystem,
    LocalSystemError,
    aws_file,
    load_system,
    log_file,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

CONFIGS = REPOSITORY / "include" / "emr_configs"
DAGS = REPOSITORY / "dags"
_STOP_TIMEOUT_SECONDS = 40
_START_TIMEOUT_SECONDS = 240
_POLL_SECONDS = 0.1
# held until this process ends: a handle that is dropped while its process runs is a warning
_LAUNCHED: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Request:
    """How to start a system.

    Attributes:
        home: the folder of its state, absolute.
        only_aws: without Airflow and without the REST API.
        aws_port: on 127.0.0.1; None takes the last one, or a free one.
        airflow_port: the same for Airflow.
        api_port: the same for the REST API and its page.
        configs: the pipeline files.
        dags: the DAG files.
        empty: without the stacks, as an account is before `cdk bootstrap`.
        trail: with every call to AWS on record.
        emr_delays: none, local, real or seconds; None leaves it to the caller's environment.
        aws_command: what starts the AWS emulation; ``--home`` and ``--port`` are added.
    """

    home: Path
    only_aws: bool = False
    aws_port: int | None = None
    airflow_port: int | None = None
    api_port: int | None = None
    configs: Path = CONFIGS
    dags: Path = DAGS
    empty: bool = False
    trail: bool = False
    emr_delays: str | None = None
    aws_command: tuple[str, ...] = (sys.executable, "-m", "sparkdrop_local.aws")


def run(request: Request, report: Callable[[LocalSystem], None]) -> LocalSystem:
    """Run a system in this process until it is told to stop; answers how it ended.

    Raises:
        LocalSystemError: it cannot be started from here, or another one holds the home.
    """
    _check(request)
    before = load_system(request.home)
    if before is not None and not before.up:
        stop_left_over(before)
    return Supervisor(build_plan(request, before), report).run()


def build_plan(request: Request, before: LocalSystem | None) -> Plan:
    """Settle ports and login, and describe every process.

    Raises:
        LocalSystemError: a port that was asked for is taken.
    """
    last = before.ports if before else {}
    ports = {"aws": settle_port("--port", request.aws_port, last.get("aws"))}
    login, api = None, None
    if not request.only_aws:
        ports["airflow"] = settle_port("--airflow-port", request.airflow_port, last.get("airflow"))
        ports["api"] = settle_port("--api-port", request.api_port, last.get("api"))
        login, api = airflow.make_login(), api_process.describe(ports["api"])
    url = f"http://127.0.0.1:{ports['airflow']}" if "airflow" in ports else None
    system = LocalSystem(
        system_id=uuid.uuid4().hex,
        state="starting",
        home=request.home,
        only_aws=request.only_aws,
        supervisor=make_own_record(request.home),
        ports=ports,
        airflow_url=url,
        login=login,
        api=api,
    )
    ready_file = aws_file(request.home)

    def find_waiting() -> str | None:
        if not ready_file.exists():
            return "aws"
        if api and not api_process.is_answering(api):
            return "api"
        return airflow.find_unhealthy(url) if url else None

    def read_environment() -> dict[str, str]:
        known: dict[str, str] = json.loads(ready_file.read_bytes())["environment"]
        known["SPARKDROP_CONFIG_DIR"] = str(request.configs)
        known |= {"SPARKDROP_AIRFLOW_URL": url} if url else {}
        return known | (api_process.build_client_environment(api) if api else {})

    def read_stacks() -> dict[str, str]:
        stacks: dict[str, str] = json.loads(ready_file.read_bytes()).get("stacks", {})
        return stacks

    return Plan(system, _build_children(request, system), find_waiting, read_environment, read_stacks)


def settle_port(option: str, wanted: int | None, last: int | None) -> int:
    """Pick a port of 127.0.0.1: the wanted one, else the last one if it is free, else any.

    Raises:
        LocalSystemError: the wanted one is taken; the message names the option that asks for it.
    """
    port = processes.pick_port(wanted or last)
    if wanted not in (None, port):
        raise LocalSystemError(
            f"port {wanted} on 127.0.0.1 is taken: leave out {option}, or name another one"
        )
    return port


def _build_children(request: Request, system: LocalSystem) -> Iterator[Child]:
    ready_file = aws_file(request.home)
    ready_file.unlink(missing_ok=True)
    _turn_logs(request.home)
    base = airflow.build_base_environment(os.environ)
    aws = [*request.aws_command, "--home", str(request.home), "--port", str(system.ports["aws"])]
    aws += ["--trail"] if request.trail else []
    aws += ["--empty"] if request.empty else []
    delays = {EMR_DELAYS_VARIABLE: request.emr_delays} if request.emr_delays else {}
    yield Child("aws", aws, base | delays, restarts=0)
    if system.api is not None:
        reading = base | airflow.build_pipeline_environment(os.environ)
        yield api_process.build_child(system.api, reading, aws_file=ready_file, configs=request.configs)
    if system.login is None:
        return
    env = base | airflow.build_airflow_environment(
        request.home,
        os.environ,
        port=system.ports["airflow"],
        dags=request.dags,
        configs=request.configs,
        login=system.login,
    )
    airflow.prepare_home(request.home, env | {processes.MARK: system.system_id}, system.login)
    for name in airflow.COMPONENTS:
        command = [sys.executable, "-m", "sparkdrop_local.component", name, "--aws", str(ready_file)]
        yield Child(name, command, env)


def start_detached(request: Request, report: Callable[[LocalSystem], None] = lambda _: None) -> LocalSystem:
    """Start a system that outlives this process and wait until it is ready; one that is up is taken as it is.

    Raises:
        LocalSystemError: it cannot be started, or it failed on its way.
    """
    _check(request)
    shown = load_system(request.home)
    launched = None if shown is not None and shown.up else _launch(request)
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        now = load_system(request.home)
        if now is not None and now.up and now != shown:
            report(now)
            shown = now
        if now is not None and now.up and now.state == "ready":
            return now
        if launched is None or launched.poll() is not None:
            # it may have ended between two looks, or another start may have been first
            now = load_system(request.home)
            if now is None or not now.up:
                raise LocalSystemError(_find_reason(request.home, now))
        time.sleep(_POLL_SECONDS)
    raise LocalSystemError(f"not ready after {_START_TIMEOUT_SECONDS} s; see {request.home / 'logs'}")


def stop(home: Path) -> LocalSystem | None:
    """Stop a home's system and whatever is left of it; answers what it was, or None where nothing was up."""
    system = load_system(home)
    if system is None:
        return None
    was_up = system.up
    supervisor = processes.find(system.supervisor.pid, system.supervisor.started)
    if supervisor is not None:
        processes.stop([supervisor], grace_seconds=_STOP_TIMEOUT_SECONDS)
    left = stop_left_over(system)
    return system if was_up or left else None


def stop_left_over(system: LocalSystem) -> int:
    """Stop what a dead supervisor left behind; answers how many processes that were."""
    recorded = [found for one in system.processes if (found := processes.find(one.pid, one.started))]
    family = processes.find_family(recorded)
    processes.stop(family, grace_seconds=3)
    return len(family) + processes.stop_marked(system.system_id, grace_seconds=3)


def _launch(request: Request) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sparkdrop_local", "up", "--home", str(request.home)]
    command += ["--configs", str(request.configs), "--dags", str(request.dags)]
    command += ["--only", "aws"] if request.only_aws else []
    command += ["--empty"] if request.empty else []
    command += ["--trail"] if request.trail else []
    command += ["--emr-delays", request.emr_delays] if request.emr_delays else []
    command += ["--port", str(request.aws_port)] if request.aws_port else []
    command += ["--airflow-port", str(request.airflow_port)] if request.airflow_port else []
    command += ["--api-port", str(request.api_port)] if request.api_port else []
    log = log_file(request.home, "supervisor")
    log.unlink(missing_ok=True)
    launched = processes.spawn(command, env=os.environ, log=log, directory=Path.cwd())
    _LAUNCHED.append(launched)
    return launched


def _check(request: Request) -> None:
    if request.only_aws:
        return
    for folder, option in ((request.dags, "DAG files"), (request.configs, "pipeline files (--configs)")):
        if not folder.is_dir():
            raise LocalSystemError(
                f"{folder}, the folder of the {option}, is not there: sparkdrop_local runs from a checkout "
                "of the repository, installed with `pip install --editable .`"
            )


def _find_reason(home: Path, system: LocalSystem | None) -> str:
    said = read_tail(log_file(home, "supervisor"), 2000).strip()
    return (system.error if system and system.error else said) or "the supervisor ended without a word"


def _turn_logs(home: Path) -> None:
    """Keep the logs of the last start beside the new ones, as ``NAME.previous.log``."""
    for log in (home / "logs").glob("*.log"):
        if not log.name.endswith(".previous.log") and log.name != "supervisor.log":
            log.replace(log.with_name(f"{log.stem}.previous.log"))

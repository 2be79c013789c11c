"""What a running system says of itself: ``system.json`` in its home folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.processes import find

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_HOME = Path(".local")
# set to anything but 0, it turns the trail of calls on
TRAIL_VARIABLE = "SPARKDROP_LOCAL_TRAIL"
EMR_DELAYS_VARIABLE = "SPARKDROP_LOCAL_EMR_DELAYS"

# tells the process of the API which user to make
API_LOGIN_VARIABLE = "SPARKDROP_LOCAL_API_LOGIN"

State = Literal["starting", "ready", "stopping", "stopped", "failed"]
ProcessState = Literal["running", "waiting"]


class LocalSystemError(SparkdropError):
    """The local system cannot be started, or ended by itself."""


class ProcessRecord(BaseModel):
    """One process of the system.

    Attributes:
        name: what it is: aws, api, api-server, scheduler, dag-processor, triggerer, supervisor.
        pid: its number, which is used again after its end.
        started: its start in seconds since 1970, which together with the number names it.
        state: waiting is the pause before a restart.
        restarts: how often it was started again.
        log: where its output goes.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    started: float
    state: ProcessState = "running"
    restarts: int = 0
    log: Path

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return find(self.pid, self.started) is not None


class Login(BaseModel):
    """Who may enter: the laptop's Airflow, or the page and its API."""

    model_config = ConfigDict(frozen=True)

    user: str
    password: str


class LocalApi(Login):
    """The REST API and its page, with a user who may sign in.

    Attributes:
        url: where the API's calls are.
        page_url: the page.
    """

    url: str
    page_url: str


class LocalSystem(BaseModel):
    """The supervisor's account of its system.

    Attributes:
        system_id: what every process of this start carries in its environment.
        home: the folder of its state.
        only_aws: started without Airflow and without the REST API.
        supervisor: who stops it.
        processes: what it started, in the order of start.
        ports: process name to port on 127.0.0.1; a later start asks for the same ones.
        environment: what a client of this system sets; complete once it is ready.
        stacks: each of the CDK app's stacks, and "deployed" or why it is left out.
        airflow_url: the Airflow UI and API; None with `only_aws`.
        login: of Airflow.
        api: the REST API and its page; None with `only_aws`.
        waiting_for: what is not ready yet.
        ready_seconds: from the start to ready.
        error: why it failed.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    system_id: str
    state: State
    home: Path
    only_aws: bool = False
    supervisor: ProcessRecord
    processes: tuple[ProcessRecord, ...] = ()
    ports: dict[str, int] = {}
    environment: dict[str, str] = {}
    stacks: dict[str, str] = {}
    airflow_url: str | None = None
    login: Login | None = None
    api: LocalApi | None = None
    waiting_for: str | None = None
    ready_seconds: float | None = None
    error: str | None = None

    @property
    def up(self) -> bool:
        """Whether its supervisor lives."""
        return self.supervisor.alive

    def save(self) -> None:
        """Write it in one move, for its owner's eyes: it holds a password."""
        write_private(system_file(self.home), self.model_dump_json(indent=2))


def system_file(home: Path) -> Path:
    """Where a home's system is described."""
    return home / "system.json"


def aws_file(home: Path) -> Path:
    """Where the AWS emulation says that it is ready, and what it made."""
    return home / "aws.json"


def log_file(home: Path, process: str) -> Path:
    """Where a process's output goes."""
    return home / "logs" / f"{process}.log"


def load_system(home: Path) -> LocalSystem | None:
    """Read a home's system; None where there never was one, or where its file cannot be read."""
    try:
        return LocalSystem.model_validate_json(system_file(home).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def load_running(home: Path) -> LocalSystem:
    """Read the system that is up and ready.

    Raises:
        LocalSystemError: there is none.
    """
    system = load_system(home)
    if system is None or not system.up or system.state != "ready":
        raise LocalSystemError(f"no local system is up in {home}: start one with `sparkdrop local up`")
    return system


def write_private(path: Path, text: str) -> None:
    """Write a file in one move that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(path)

"""How a system is shown: as lines and tables for people, as JSON for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from sparkdrop_local import processes

if TYPE_CHECKING:
    from sparkdrop_local.system import LocalSystem

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False, soft_wrap=True)
_MEBIBYTE = 1024 * 1024


def print_json(value: object) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, indent=2))


class Progress:
    """Shows each process as it comes up; silent without a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet or not stderr.is_terminal
        self._seen: set[tuple[str, int]] = set()
        self._waiting: str | None = None

    def __call__(self, system: LocalSystem) -> None:
        """Show what is new since the last call."""
        if self._quiet:
            return
        for one in system.processes:
            if (one.name, one.restarts) not in self._seen:
                self._seen.add((one.name, one.restarts))
                again = f" again ({one.restarts})" if one.restarts else ""
                stderr.print(f"[dim]started[/dim] {one.name}{again} [dim]pid {one.pid}[/dim]")
        if system.waiting_for and system.waiting_for != self._waiting:
            stderr.print(f"[dim]waiting for[/dim] {system.waiting_for}")
        self._waiting = system.waiting_for


class Announcement:
    """Says once where the system is, when it is ready."""

    def __init__(self, show: Progress, *, as_json: bool) -> None:
        self._show = show
        self._as_json = as_json
        self._told = False

    def __call__(self, system: LocalSystem) -> None:
        """Show progress; the first time that all is ready, tell where it is."""
        self._show(system)
        if system.state == "ready" and not self._told:
            self._told = True
            print_system(system, as_json=self._as_json)
            if not self._as_json:
                stdout.print("Ctrl-C stops it.")


def print_system(system: LocalSystem, *, as_json: bool) -> None:
    """Tell where a ready system is."""
    if as_json:
        print_json(describe(system))
        return
    stdout.print(f"AWS      {system.environment['AWS_ENDPOINT_URL']}")
    _print_logins(system)
    _print_stacks(system)
    stdout.print(f"ready after {system.ready_seconds} s; state and logs are in {system.home}")


def print_table(system: LocalSystem) -> None:
    """Print each process with its memory."""
    table = Table("process", "pid", "state", "restarts", "memory", box=None, pad_edge=False)
    described = describe(system)
    for one in described["processes"]:
        table.add_row(
            one["name"], str(one["pid"]), one["state"], str(one["restarts"]), _mebibytes(one["memory_bytes"])
        )
    table.add_section()
    table.add_row("all", "", system.state, "", _mebibytes(described["memory_bytes"]))
    stdout.print(table)
    _print_logins(system)
    for name, state in system.stacks.items():
        if state != "deployed":
            stdout.print(f"{name} is not here: {state}", markup=False)


def _print_logins(system: LocalSystem) -> None:
    if system.airflow_url and system.login:
        stdout.print(
            f"Airflow  {system.airflow_url}   user {system.login.user}   password {system.login.password}"
        )
    if system.api:
        stdout.print(
            f"Page     {system.api.page_url}   user {system.api.user}   password {system.api.password}",
            markup=False,
        )
        stdout.print(f"API      {system.api.url}")


def _print_stacks(system: LocalSystem) -> None:
    left_out = [name for name, state in system.stacks.items() if state != "deployed"]
    if not system.stacks:
        return
    line = f"stacks   {len(system.stacks) - len(left_out)} of {len(system.stacks)} deployed"
    more = f"; not here: {', '.join(left_out)} (`sparkdrop local status` says why)" if left_out else ""
    stdout.print(line + more)


def _mebibytes(value: int) -> str:
    return f"{value / _MEBIBYTE:,.0f} MiB"


def describe(system: LocalSystem | None) -> dict[str, Any]:
    """The JSON form: the system's own fields, with each process's memory, its children's included."""
    if system is None:
        return {"state": "stopped", "processes": []}
    described: dict[str, Any] = system.model_dump(mode="json", exclude={"version", "system_id"})
    if not system.up:
        return described | {"state": "failed" if system.error else "stopped", "processes": []}
    rows = []
    for one in [system.supervisor, *system.processes]:
        found = processes.find(one.pid, one.started)
        members = [found] if found else []
        if found and one.name != "supervisor":
            members = processes.find_family(members)
        memory = processes.measure_memory_bytes(members)
        rows.append(one.model_dump(mode="json") | {"memory_bytes": memory, "processes": len(members)})
    described["processes"] = rows
    described["memory_bytes"] = sum(row["memory_bytes"] for row in rows)
    return described

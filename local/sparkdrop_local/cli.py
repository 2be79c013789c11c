"""The `sparkdrop local` commands."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from sparkdrop.client.names import TOKEN_VARIABLE
from sparkdrop.core.errors import SparkdropError
from sparkdrop_local import api_process, boot, spark_ui
from sparkdrop_local.boot import Request
from sparkdrop_local.demo import demo_command
from sparkdrop_local.display import (
    Announcement,
    Progress,
    describe,
    print_json,
    print_system,
    print_table,
    stderr,
    stdout,
)
from sparkdrop_local.logs import find_logs, read_lines
from sparkdrop_local.system import (
    DEFAULT_HOME,
    EMR_DELAYS_VARIABLE,
    TRAIL_VARIABLE,
    LocalSystem,
    LocalSystemError,
    load_running,
    load_system,
)

app = typer.Typer(
    no_args_is_help=True, help="The whole system on this machine: AWS emulation, Spark and Airflow."
)

Home = Annotated[
    Path, typer.Option("--home", envvar="SPARKDROP_HOME", help="The folder of the system's state.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(parent: typer.Typer) -> None:
    """Add the `local` group and the demo to the `sparkdrop` command."""
    parent.add_typer(app, name="local")
    parent.command("demo")(demo_command)


@app.command()
def up(
    home: Home = DEFAULT_HOME,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when all is ready.")] = False,
    only: Annotated[
        str | None, typer.Option(help="`aws`: without Airflow, and without the REST API and its page.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port of AWS.", min=1, max=65535)] = None,
    airflow_port: Annotated[int | None, typer.Option(help="Port of Airflow.", min=1, max=65535)] = None,
    api_port: Annotated[
        int | None, typer.Option(help="Port of the REST API and its page.", min=1, max=65535)
    ] = None,
    configs: Annotated[Path | None, typer.Option(help="The pipeline files.", file_okay=False)] = None,
    dags: Annotated[Path | None, typer.Option(hidden=True, file_okay=False)] = None,
    empty: Annotated[
        bool,
        typer.Option(
            "--empty", help="With --only aws: an account with nothing in it, to bootstrap and deploy to."
        ),
    ] = False,
    trail: Annotated[
        bool, typer.Option("--trail", envvar=TRAIL_VARIABLE, help="Write every call to AWS to trail.jsonl.")
    ] = False,
    emr_delays: Annotated[
        str | None,
        typer.Option(
            "--emr-delays",
            envvar=EMR_DELAYS_VARIABLE,
            help="How long EMR takes: none, local, real, or seconds to a ready cluster.",
            metavar="DELAYS",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the system and keep it running until Ctrl-C, or leave it running with --detach."""
    if only not in (None, "aws"):
        raise typer.BadParameter("the only part that starts alone is `aws`", param_hint="--only")
    if empty and only != "aws":
        raise typer.BadParameter("Airflow needs the stacks: add --only aws", param_hint="--empty")
    _check_emr(home, emr_delays)
    request = Request(
        home=home.resolve(),
        only_aws=only == "aws",
        aws_port=port,
        airflow_port=airflow_port,
        api_port=api_port,
        configs=(configs or boot.CONFIGS).resolve(),
        dags=(dags or boot.DAGS).resolve(),
        empty=empty,
        trail=trail,
        emr_delays=emr_delays,
    )
    try:
        error = _bring_up(request, detach=detach, as_json=as_json)
    except LocalSystemError as failure:
        error = str(failure)
    if error:
        raise _fail(error)


@app.command()
def down(home: Home = DEFAULT_HOME, *, as_json: Json = False) -> None:
    """Stop the system and all that it started."""
    stopped = boot.stop(home.resolve())
    if as_json:
        print_json({"stopped": stopped is not None, "home": str(home.resolve())})
    else:
        stdout.print("stopped" if stopped else f"nothing was up in {home}")


@app.command()
def status(home: Home = DEFAULT_HOME, *, as_json: Json = False) -> None:
    """Show the processes and their memory. Exit code 1 when the system is not up."""
    system = load_system(home.resolve())
    if as_json:
        print_json(describe(system))
    elif system is None or not system.up:
        typer.echo(f"not up in {home}" + (f": {system.error}" if system and system.error else ""))
    else:
        print_table(system)
    if system is None or not system.up:
        raise typer.Exit(1)


@app.command()
def env(home: Home = DEFAULT_HOME, *, as_json: Json = False) -> None:
    """Print the environment of a client: `eval "$(sparkdrop local env)"`; its token is good for an hour."""
    try:
        system = load_running(home.resolve())
        environment = dict(system.environment)
        if system.api is not None:
            environment[TOKEN_VARIABLE] = api_process.fetch_token(system)
    except LocalSystemError as error:
        raise _fail(str(error)) from error
    if as_json:
        print_json(environment)
        return
    for name, value in sorted(environment.items()):
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def token(
    home: Home = DEFAULT_HOME,
    *,
    user: Annotated[
        str | None,
        typer.Option("--user", "-u", help="Another user than the system's; asks for the password."),
    ] = None,
    password: Annotated[
        str | None, typer.Option(envvar="SPARKDROP_LOCAL_PASSWORD", help="With --user: that user's.")
    ] = None,
) -> None:
    """Print an ID token, good for an hour: `curl -H "Authorization: $(sparkdrop local token)" …`."""
    if user is not None and password is None:
        password = typer.prompt("Password", hide_input=True, err=True)
    try:
        typer.echo(api_process.fetch_token(load_running(home.resolve()), user=user, password=password))
    except LocalSystemError as error:
        raise _fail(str(error)) from error


@app.command()
def logs(
    process: Annotated[str | None, typer.Argument(help="aws, scheduler, …; all when left out.")] = None,
    home: Home = DEFAULT_HOME,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="From the end of each log.")] = 100,
) -> None:
    """Print what the processes wrote."""
    there = find_logs(home.resolve())
    if process is not None and process not in there:
        known = ", ".join(there) or "none yet"
        raise typer.BadParameter(f"no log of {process!r} in {home}; there are: {known}", param_hint="PROCESS")
    names = [process] if process else there
    for line in read_lines(home.resolve(), names, lines=lines, follow=follow):
        typer.echo(line)


@app.command("spark-ui")
def show_spark(
    home: Home = DEFAULT_HOME,
    *,
    port: Annotated[int | None, typer.Option(help="Port of the page.", min=1, max=65535)] = None,
    events: Annotated[
        Path | None, typer.Option(help="Other event logs than those of the system's steps.", file_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the Spark runs, past and present, in Spark's history server until Ctrl-C."""

    def announce(url: str) -> None:
        if as_json:
            print_json({"url": url, "events": str(folder)})
        else:
            stdout.print(f"Spark    {url}\nCtrl-C stops it.")

    folder = (events or spark_ui.events_dir(home)).resolve()
    try:
        spark_ui.serve(home.resolve(), folder, port=port, announce=announce)
    except SparkdropError as error:
        raise _fail(str(error)) from error


def _check_emr(home: Path, delays: str | None) -> None:
    """Refuse settings of EMR that make no sense before anything starts."""
    from sparkdrop_local.emr.settings import EmrSettings, SettingsError  # boto3 with it: half a second

    chosen = {EMR_DELAYS_VARIABLE: delays} if delays else {}
    try:
        EmrSettings.from_environment(home, os.environ | chosen)
    except SettingsError as problem:
        raise _fail(str(problem)) from problem


def _bring_up(request: Request, *, detach: bool, as_json: bool) -> str | None:
    """Start, or join what is up; answers why it failed."""
    show = Progress(quiet=as_json)
    running = load_system(request.home)
    if running is not None and running.up:
        _join(request, running, as_json=as_json)
        return None
    if detach:
        print_system(boot.start_detached(request, show), as_json=as_json)
        return None
    ended = boot.run(request, Announcement(show, as_json=as_json))
    return (ended.error or "the system failed") if ended.state == "failed" else None


def _join(request: Request, running: LocalSystem, *, as_json: bool) -> None:
    """A second `up`: wait until the first is ready, and say where it is."""
    if running.only_aws and not request.only_aws:
        raise LocalSystemError(
            f"AWS alone is up in {request.home}: stop it with `sparkdrop local down` first"
        )
    ready = boot.start_detached(request)
    if request.empty and ready.stacks:
        raise LocalSystemError(
            f"an account with stacks is up in {request.home}: stop it with `sparkdrop local down` first"
        )
    if not as_json:
        stderr.print("already up")
    print_system(ready, as_json=as_json)


def _fail(error: str) -> typer.Exit:
    stderr.print(f"[red]error:[/red] {escape(error)}")
    return typer.Exit(1)

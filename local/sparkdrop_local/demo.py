"""`sparkdrop demo`: real files become real Parquet, before one's eyes.

It starts the local system (or takes the one that is up), uploads a year of flights as any client would, and
checks what came out against the data's own count of rows.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from datetime import timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkdrop_local.demo_system import Running, check_up, end_at_signals, run_system
from sparkdrop_local.display import stderr, stdout
from sparkdrop_local.system import DEFAULT_HOME, REPOSITORY, LocalSystem, LocalSystemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop.client.api import ApiClient
    from sparkdrop.client.following import Followed, Follower
    from sparkdrop_local.demo_data import DemoFile
    from sparkdrop_local.demo_figures import Figures, StepStarts

CACHE = REPOSITORY / ".cache" / "demo"
TIMEOUT = timedelta(minutes=10)
_POLL_SECONDS = 0.5


def demo_command(
    home: Annotated[
        Path, typer.Option("--home", envvar="SPARKDROP_HOME", help="The folder of the system's state.")
    ] = DEFAULT_HOME,
    *,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the figures to a file."),
    ] = None,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Keep the system up until Ctrl-C; on a terminal it stays."),
    ] = None,
) -> None:
    """Upload a year of real flights and watch them become Parquet; exit code 1 where a row is missing."""
    began = time.monotonic()
    # isatty, not the console's own answer, which FORCE_COLOR turns: a script would wait for ever
    staying = sys.stdin.isatty() and sys.stdout.isatty() if stay is None else stay
    with end_at_signals(), run_system(home.resolve(), CACHE) as running:
        figures = _run(running, began)
        if json_file:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(_build_record(figures, running), indent=2, default=str)
            json_file.write_text(text + "\n", encoding="utf-8")
        _print_result(figures, running)
        if staying and running.is_ours:
            _stay(running.system)
        elif not running.is_ours:
            stdout.print("The system was up before and stays up; `sparkdrop local down` stops it.")
    if figures.problems:
        raise typer.Exit(1)


def _run(running: Running, began: float) -> Figures:
    """Upload, wait, read back, add up."""
    from botocore.exceptions import BotoCoreError

    from sparkdrop.client.api import ApiClient
    from sparkdrop.client.credentials import TokenAuth
    from sparkdrop.client.following import Follower
    from sparkdrop.client.names import URL_VARIABLE
    from sparkdrop.core.errors import ApiError
    from sparkdrop_local.api_process import fetch_token
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.demo_data import count_rows_by_pipeline
    from sparkdrop_local.demo_figures import Times, compute_figures
    from sparkdrop_local.demo_results import read_samples

    environment = running.system.environment
    client = Clients(environment["AWS_ENDPOINT_URL"])
    try:
        token = TokenAuth(fetch_token(running.system))
        with ApiClient(environment[URL_VARIABLE], token) as api:
            sending = time.monotonic()
            uploads = _upload(api, running.files)
            sent = time.monotonic()
            follower = Follower(api, uploads)
            _follow(follower, lambda: check_up(running.system.home))
        times = Times(
            ready=running.ready_seconds if running.is_ours else 0.0,
            upload=round(sent - sending, 2),
            total=round(time.monotonic() - began, 1),
        )
        return compute_figures(
            uploads,
            rows_expected=count_rows_by_pipeline(running.files),
            step_starts=_read_step_starts(client("emr"), uploads),
            samples=read_samples(client("s3"), uploads),
            times=times,
        )
    except (ApiError, BotoCoreError) as error:  # out of reach: the system may have ended, and knows why
        check_up(running.system.home)
        raise LocalSystemError(f"the local system does not answer: {error}") from error


def _upload(api: ApiClient, files: list[DemoFile]) -> list[Followed]:
    from sparkdrop.cli.upload_display import show_bytes
    from sparkdrop.client.following import Followed
    from sparkdrop.client.sending import Sender

    total = sum(file.path.stat().st_size for file in files)
    stderr.print(f"uploading {len(files)} files, {total / 2**20:.1f} MiB")
    uploads: list[Followed] = []
    with show_bytes(total, quiet=False, console=stderr) as report_bytes, Sender(api) as sender:
        for pipeline in dict.fromkeys(file.pipeline for file in files):
            paths = [file.path for file in files if file.pipeline == pipeline]
            for sent in sender.send_all(pipeline, paths, report_bytes):
                if sent.upload_id is None:
                    raise LocalSystemError(f"{sent.path.name} was not uploaded: {sent.error}")
                uploads.append(Followed(sent.upload_id, sent.path.name, pipeline))
    return sorted(uploads, key=lambda upload: (upload.pipeline, upload.name))


def _follow(follower: Follower, check_up: Callable[[], None]) -> None:
    """Show every upload until each has ended, or the time is up."""
    from sparkdrop.cli.upload_display import StateDisplay

    began = time.monotonic()
    with StateDisplay(follower.uploads, quiet=False, console=stderr) as display:
        for _ in follower.watch(timeout=TIMEOUT):
            display.update(f"after {time.monotonic() - began:.0f} s")
            check_up()


def _read_step_starts(emr: Any, uploads: list[Followed]) -> StepStarts:  # noqa: ANN401 - a boto3 client
    from sparkdrop_local.demo_figures import find_steps
    from sparkdrop_local.demo_results import read_step_starts

    return read_step_starts(emr, find_steps(uploads))


def _build_record(figures: Figures, running: Running) -> dict[str, Any]:
    return figures.to_record() | {
        "airflow_url": running.system.airflow_url,
        "page_url": running.system.api.page_url if running.system.api else None,
        "home": str(running.system.home),
    }


def _print_result(figures: Figures, running: Running) -> None:
    from sparkdrop_local.demo_report import print_figures

    print_figures(figures, out=stdout, problems=stderr)
    system = running.system
    if system.airflow_url and system.login:
        login = f"user {system.login.user}   password {system.login.password}"
        stdout.print(f"\nAirflow  {system.airflow_url}   {login}")
    if system.api:
        login = f"user {system.api.user}   password {system.api.password}"
        stdout.print(f"Page     {system.api.page_url}   {login}", markup=False)
    stdout.print(f"State and logs are in {system.home}")


def _stay(system: LocalSystem) -> None:
    """Wait for Ctrl-C, which here is the right end, or for the system's."""
    stdout.print(
        'Ctrl-C stops it. Meanwhile, elsewhere: eval "$(sparkdrop local env)"; sparkdrop uploads list'
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            check_up(system.home)
            time.sleep(_POLL_SECONDS)

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

from sparkdrop_local import boot
from sparkdrop_local.demo_system import Running, check_up, end_at_signals, run_system
from sparkdrop_local.display import stderr, stdout
from sparkdrop_local.system import DEFAULT_HOME, REPOSITORY, LocalSystem, LocalSystemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop.aws.tracking import Tracked, UploadTracker
    from sparkdrop.aws.uploading import Drop
    from sparkdrop.core.deployment import Deployment
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

    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.tracking import UploadTracker
    from sparkdrop.core.deployment import Deployment
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.demo_data import count_rows_by_pipeline
    from sparkdrop_local.demo_figures import Times, compute_figures
    from sparkdrop_local.demo_results import read_samples

    environment = running.system.environment
    deployment = Deployment.from_environment(environment)
    client = Clients(environment["AWS_ENDPOINT_URL"])
    try:
        sending = time.monotonic()
        arrivals = _upload(plan(running.files, deployment), client("s3"))
        sent = time.monotonic()
        ledger = Ledger(deployment.ledger_table, client=client("dynamodb"))
        tracker = UploadTracker(ledger, arrivals)
        _follow(tracker, lambda: check_up(running.system.home))
        times = Times(
            ready=running.ready_seconds if running.is_ours else 0.0,
            upload=round(sent - sending, 2),
            total=round(time.monotonic() - began, 1),
        )
        return compute_figures(
            tracker.uploads,
            rows_expected=count_rows_by_pipeline(running.files),
            step_starts=_read_step_starts(client("emr"), tracker.uploads),
            samples=read_samples(client("s3"), tracker.uploads),
            times=times,
        )
    except BotoCoreError as error:  # out of reach: the system may have ended, and knows why
        check_up(running.system.home)
        raise LocalSystemError(f"the local AWS does not answer: {error}") from error


def plan(files: list[DemoFile], deployment: Deployment) -> list[Drop]:
    """Say under which key each file goes, by the pipelines that ship.

    Raises:
        sparkdrop.cli.drops.WrongDropError: a pipeline file was changed so that it does not take its data.
    """
    from sparkdrop.cli.drops import plan_drops
    from sparkdrop.configs import load_configs

    pipelines = load_configs(boot.CONFIGS).pipelines
    drops: list[Drop] = []
    for pipeline in dict.fromkeys(file.pipeline for file in files):
        paths = [file.path for file in files if file.pipeline == pipeline]
        drops += plan_drops(pipelines, pipeline, paths, uploads_bucket=deployment.uploads_bucket)
    return drops


def _upload(drops: list[Drop], s3: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - a boto3 client
    from sparkdrop.aws.uploading import Uploader
    from sparkdrop.cli.upload_display import show_bytes

    total = sum(drop.path.stat().st_size for drop in drops)
    stderr.print(f"uploading {len(drops)} files, {total / 2**20:.1f} MiB")
    with show_bytes(total, quiet=False, console=stderr) as report_bytes:
        landings = list(Uploader(client=s3).upload_all(drops, report_bytes))
    failed = [each for each in landings if each.error]
    if failed:
        raise LocalSystemError(
            f"{len(failed)} of {len(drops)} files were not uploaded; the first of them: {failed[0].error}"
        )
    landings.sort(key=lambda landing: (landing.drop.pipeline, landing.drop.key))
    return [(each.drop.pipeline, each.arrival) for each in landings]


def _follow(tracker: UploadTracker, check_up: Callable[[], None]) -> None:
    """Show every upload until each has ended, or the time is up."""
    from sparkdrop.cli.upload_display import StateDisplay

    began = time.monotonic()
    with StateDisplay(tracker.uploads, quiet=False, console=stderr) as display:
        for _ in tracker.watch(timeout=TIMEOUT, interval=timedelta(seconds=_POLL_SECONDS)):
            display.update(f"after {time.monotonic() - began:.0f} s")
            check_up()


def _read_step_starts(emr: Any, uploads: list[Tracked]) -> StepStarts:  # noqa: ANN401 - a boto3 client
    from sparkdrop_local.demo_figures import find_steps
    from sparkdrop_local.demo_results import read_step_starts

    return read_step_starts(emr, find_steps(uploads))


def _build_record(figures: Figures, running: Running) -> dict[str, Any]:
    return figures.to_record() | {"airflow_url": running.system.airflow_url, "home": str(running.system.home)}


def _print_result(figures: Figures, running: Running) -> None:
    from sparkdrop_local.demo_report import print_figures

    print_figures(figures, out=stdout, problems=stderr)
    system = running.system
    if system.airflow_url and system.login:
        login = f"user {system.login.user}   password {system.login.password}"
        stdout.print(f"\nAirflow  {system.airflow_url}   {login}")
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

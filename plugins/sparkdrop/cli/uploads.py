"""``sparkdrop upload`` and ``sparkdrop uploads``: drop files, and see what became of them.

Which deployment is meant, the ``SPARKDROP_*`` names of the environment say.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkdrop.cli.output import (
    FAILED,
    WRONG_USAGE,
    JsonFlag,
    fail,
    print_error,
    print_json,
    print_records,
    print_table,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.tracking import UploadTracker
    from sparkdrop.aws.uploading import Drop, Landing
    from sparkdrop.core.config import LoadedConfigs
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.uploads import UploadState

group = typer.Typer(no_args_is_help=True, help="See what became of uploads.")

_LIST_COLUMNS = (
    "upload_id",
    "pipeline",
    "key",
    "state",
    "rows_in",
    "rows_out",
    "rows_rejected",
    "created_at",
)
_RESULT_COLUMNS = ("upload_id", "key", "state", "rows_in", "rows_out", "rows_rejected", "output")
_ID_LENGTH = 26


def register(app: typer.Typer) -> None:
    """Add both to the command."""
    app.command("upload")(upload_files)
    app.add_typer(group, name="uploads")


@dataclass(frozen=True)
class _Target:
    """The deployment that the environment names, and the pipelines that it is told of."""

    deployment: "Deployment"

    @cached_property
    def configs(self) -> "LoadedConfigs":
        from sparkdrop.configs import load_configs

        return load_configs(self.deployment.config_dir)

    @cached_property
    def ledger(self) -> "Ledger":
        from sparkdrop.aws.ledger import Ledger

        return Ledger(self.deployment.ledger_table)

    @property
    def pipeline_names(self) -> list[str]:
        """Every pipeline's name, those with a file that is wrong just now included."""
        return [*self.configs.pipelines, *(Path(file).stem for file in self.configs.errors)]


def _open_target() -> _Target:
    # imports stay inside: boto3 and pydantic cost half a second, which `--help` need not pay
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.errors import ConfigError

    try:
        return _Target(Deployment.from_environment(os.environ))
    except ConfigError as error:
        names = ", ".join(problem.path for problem in error.problems)
        hint = 'eval "$(sparkdrop local env)" on one machine, or set them from the stacks\' outputs'
        raise fail(f"no deployment is named: {names} not set; {hint}", code=WRONG_USAGE) from error


@contextmanager
def _explain_aws() -> Iterator[None]:
    """Turn what AWS refuses, or that it is out of reach, into one line and exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        where = os.environ.get("AWS_ENDPOINT_URL")
        raise fail(f"AWS: {error}" + (f" (AWS_ENDPOINT_URL is {where})" if where else "")) from error


def upload_files(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", exists=True, dir_okay=False, readable=True, help="Local files."),
    ],
    *,
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="The pipeline that shall take them.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until each one has ended.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait, such as 90s or 1h.")] = "30m",
    as_json: JsonFlag = False,
) -> None:
    """Upload files to S3, where their pipeline takes them from."""
    from sparkdrop.aws.tracking import UploadTracker
    from sparkdrop.cli.drops import WrongDropError, plan_drops

    longest = _parse_timeout(timeout)
    target = _open_target()
    try:
        drops = plan_drops(
            target.configs.pipelines, pipeline, paths, uploads_bucket=target.deployment.uploads_bucket
        )
    except WrongDropError as error:
        for file, reason in target.configs.errors.items():
            if Path(file).stem in {pipeline, "_defaults"}:
                raise fail(reason) from error
        raise fail(error, code=WRONG_USAGE) from error
    with _explain_aws():
        landings = _send(drops, quiet=as_json)
        arrivals = [(each.drop.pipeline, each.arrival) for each in landings if each.arrival is not None]
        tracker = UploadTracker(target.ledger, arrivals)
        if wait:
            _wait(tracker, longest, quiet=as_json)
    _print_result(tracker, as_json=as_json, waited=wait)
    problems = [f"{each.drop.path} was not uploaded: {each.error}" for each in landings if each.error]
    if wait:
        problems += _describe_ends(tracker, timeout)
    for text in problems:
        print_error(text)
    if problems:
        raise typer.Exit(FAILED)


def _parse_timeout(text: str) -> "timedelta":
    from sparkdrop.core.quantities import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise fail(f"--timeout: {error}", code=WRONG_USAGE) from error


def _send(drops: "list[Drop]", *, quiet: bool) -> "list[Landing]":
    """Upload, and give the results in the order of the command line."""
    from rich.console import Console

    from sparkdrop.aws.uploading import Uploader
    from sparkdrop.cli.upload_display import show_bytes

    total = sum(drop.path.stat().st_size for drop in drops)
    with show_bytes(total, quiet=quiet, console=Console(stderr=True)) as report_bytes:
        landings = list(Uploader().upload_all(drops, report_bytes))
    return sorted(landings, key=lambda landing: drops.index(landing.drop))


def _wait(tracker: "UploadTracker", timeout: "timedelta", *, quiet: bool) -> None:
    from rich.console import Console

    from sparkdrop.cli.upload_display import StateDisplay

    with StateDisplay(tracker.uploads, quiet=quiet, console=Console(stderr=True)) as display:
        for _ in tracker.watch(timeout=timeout):
            display.update()


def _describe_ends(tracker: "UploadTracker", timeout: str) -> list[str]:
    from sparkdrop.cli.upload_display import name_state

    bad = [
        f"{upload.arrival.key}: {upload.state}: {upload.reason}"
        for upload in tracker.uploads
        if upload.ended and not upload.succeeded
    ]
    late = [
        f"{upload.arrival.key}: still {name_state(upload)} after {timeout}; "
        f"sparkdrop uploads list --pipeline {upload.pipeline} shows how it goes on"
        for upload in tracker.open
    ]
    return bad + late


def _print_result(tracker: "UploadTracker", *, as_json: bool, waited: bool) -> None:
    views = [upload.view for upload in tracker.uploads]
    print_records(
        views,
        _RESULT_COLUMNS if waited else ("upload_id", "key", "version_id", "bytes"),
        as_json=as_json,
        empty="nothing was uploaded",
    )


@group.command("list")
def list_all(
    *,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", "-p", help="Only this one's; _unrouted: what none takes.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", "-s", help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, newest first.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List uploads, newest first."""
    from sparkdrop.aws.listing import list_uploads

    wanted = _parse_state(state)
    target = _open_target()
    with _explain_aws():
        views = list_uploads(target.ledger, pipeline=pipeline, state=wanted, limit=limit)
    if not views and pipeline is not None:
        _check_pipeline_name(target, pipeline)
    print_records(views, _LIST_COLUMNS, as_json=as_json, empty="no uploads")


def _parse_state(text: str | None) -> "UploadState | None":
    from sparkdrop.cli.drops import suggest
    from sparkdrop.core.uploads import UploadState

    if text is None:
        return None
    if text.upper() not in UploadState.__members__:
        hint = suggest(text.upper(), list(UploadState.__members__))
        raise fail(f"--state: no upload is ever {text!r}; {hint}", code=WRONG_USAGE)
    return UploadState(text.upper())


def _check_pipeline_name(target: _Target, name: str) -> None:
    """Refuse a name that nobody knows, most likely a slip; one that has uploads is not asked about."""
    from sparkdrop.cli.drops import suggest
    from sparkdrop.core.uploads import UNROUTED

    known = [*target.pipeline_names, UNROUTED]
    if name not in known:
        raise fail(f"no pipeline is called {name!r}; {suggest(name, known)}", code=WRONG_USAGE)


@group.command("show")
def show_upload(
    upload_id: Annotated[str, typer.Argument(help="The upload's id.")], *, as_json: JsonFlag = False
) -> None:
    """Show one upload with all that happened to it."""
    from sparkdrop.aws.listing import read_upload

    target = _open_target()
    wanted = upload_id.strip().upper()
    if len(wanted) != _ID_LENGTH or not wanted.isalnum():
        raise fail(f"{upload_id!r} is no upload's id: one has {_ID_LENGTH} letters and digits; {_SEE_LIST}")
    with _explain_aws():
        view = read_upload(target.ledger, wanted, target.pipeline_names)
    if view is None:
        raise fail(f"the ledger {target.deployment.ledger_table} knows no upload {wanted}; {_SEE_LIST}")
    if as_json:
        print_json(view)
    else:
        _print_upload(view)


_SEE_LIST = "sparkdrop uploads list shows those that there are"


def _print_upload(view: dict[str, Any]) -> None:
    facts = [(name, value) for name, value in view.items() if name != "history" and value is not None]
    print_table(["field", "value"], facts)
    if view["history"]:
        typer.echo()
        columns = ("at", "state", "batch_id")
        print_table(columns, [[move.get(name) for name in columns] for move in view["history"]])

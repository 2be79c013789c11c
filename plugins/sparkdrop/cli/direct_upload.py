"""Uploads straight into S3, with AWS credentials: a drop like any other client's."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from sparkdrop.aws.tracking import UploadTracker
from sparkdrop.aws.uploading import Drop, Landing, Uploader
from sparkdrop.cli.drops import WrongDropError, plan_drops
from sparkdrop.cli.output import WRONG_USAGE, fail, print_records
from sparkdrop.cli.target import Target, explain_aws, open_target
from sparkdrop.cli.upload_display import StateDisplay, describe_ends, show_bytes

_COLUMNS = ("upload_id", "key", "version_id", "bytes")
_RESULT_COLUMNS = ("upload_id", "key", "state", "rows_in", "rows_out", "rows_rejected", "output")


def upload_directly(
    pipeline: str, paths: Sequence[Path], timeout: timedelta | None, *, as_json: bool
) -> list[str]:
    """Put files where their pipeline takes them from, and print what became of them.

    Args:
        pipeline: which shall take them.
        paths: local files.
        timeout: how long to wait for their ends; None does not wait.
        as_json: print JSON.

    Returns:
        What went wrong, a text each.
    """
    target = open_target()
    drops = _plan(target, pipeline, paths)
    with explain_aws():
        landings = _send(drops, quiet=as_json)
        arrivals = [(each.drop.pipeline, each.arrival) for each in landings if each.arrival is not None]
        tracker = UploadTracker(target.ledger, arrivals)
        if timeout is not None:
            _wait(tracker, timeout, quiet=as_json)
    print_records(
        [upload.view for upload in tracker.uploads],
        _COLUMNS if timeout is None else _RESULT_COLUMNS,
        as_json=as_json,
        empty="nothing was uploaded",
    )
    problems = [f"{each.drop.path} was not uploaded: {each.error}" for each in landings if each.error]
    if timeout is not None:
        problems += describe_ends(tracker.uploads, pipeline, timeout)
    return problems


def _plan(target: Target, pipeline: str, paths: Sequence[Path]) -> list[Drop]:
    configs = target.configs
    try:
        return plan_drops(configs.pipelines, pipeline, paths, uploads_bucket=target.deployment.uploads_bucket)
    except WrongDropError as error:
        for file, reason in configs.errors.items():
            if Path(file).stem in {pipeline, "_defaults"}:
                raise fail(reason) from error
        raise fail(error, code=WRONG_USAGE) from error


def _send(drops: list[Drop], *, quiet: bool) -> list[Landing]:
    """Upload, and give the results in the order of the command line."""
    total = sum(drop.path.stat().st_size for drop in drops)
    with show_bytes(total, quiet=quiet, console=Console(stderr=True)) as report_bytes:
        landings = list(Uploader().upload_all(drops, report_bytes))
    return sorted(landings, key=lambda landing: drops.index(landing.drop))


def _wait(tracker: UploadTracker, timeout: timedelta, *, quiet: bool) -> None:
    with StateDisplay(tracker.uploads, quiet=quiet, console=Console(stderr=True)) as display:
        for _ in tracker.watch(timeout=timeout):
            display.update()

"""Uploads through the API: every rule is the API's own, and so is what it says of a file."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from sparkdrop.cli.output import WRONG_USAGE, fail, print_records
from sparkdrop.cli.upload_display import StateDisplay, describe_ends, show_bytes
from sparkdrop.client.api import ApiClient
from sparkdrop.client.credentials import choose_auth
from sparkdrop.client.following import Followed, Follower
from sparkdrop.client.names import TOKEN_VARIABLE
from sparkdrop.client.sending import Sender, Sent
from sparkdrop.core.errors import ApiError

_COLUMNS = ("upload_id", "filename", "size", "state")
_RESULT_COLUMNS = ("upload_id", "filename", "state", "rows_in", "rows_out", "rows_rejected", "output")


def upload_by_api(
    url: str,
    pipeline: str,
    paths: Sequence[Path],
    timeout: timedelta | None,
    *,
    resume: str | None,
    as_json: bool,
) -> list[str]:
    """Send files, and print what became of them.

    Args:
        url: where the API is.
        pipeline: which shall take them.
        paths: local files.
        timeout: how long to wait for their ends; None does not wait.
        resume: an upload in parts of the one file, to go on with.
        as_json: print JSON.

    Returns:
        What went wrong, a text each.

    Raises:
        ApiError: the API refuses to go on with an upload, or does not answer.
    """
    with _open_api(url) as api:
        sent = _send(api, pipeline, paths, resume=resume, quiet=as_json)
        uploads = [
            Followed(each.upload_id, each.path.name, pipeline) for each in sent if each.upload_id is not None
        ]
        follower = Follower(api, uploads)
        problems = [f"{each.path} was not uploaded: {each.error}" for each in sent if each.error]
        try:
            if timeout is None:
                follower.look()
            else:
                _wait(follower, timeout, quiet=as_json)
        except ApiError as error:  # what is sent is sent, and its ids are of use
            problems.append(f"how the uploads stand is not known: {error}")
    print_records(
        [upload.told for upload in uploads],
        _COLUMNS if timeout is None else _RESULT_COLUMNS,
        as_json=as_json,
        empty="nothing was uploaded",
    )
    if timeout is not None:
        problems += describe_ends(uploads, pipeline, timeout)
    return problems


@contextmanager
def _open_api(url: str) -> Iterator[ApiClient]:
    auth = choose_auth(os.environ)
    if auth is None:
        hint = 'eval "$(sparkdrop local env)" on one machine; elsewhere an ID token, or AWS credentials'
        raise fail(f"nobody is signed in: {TOKEN_VARIABLE} is not set; {hint}", code=WRONG_USAGE)
    with ApiClient(url, auth) as api:
        yield api


def _send(
    api: ApiClient, pipeline: str, paths: Sequence[Path], *, resume: str | None, quiet: bool
) -> list[Sent]:
    """Send, and give the results in the order of the command line."""
    total = sum(path.stat().st_size for path in paths)
    console = Console(stderr=True)

    def announce(path: Path, upload_id: str) -> None:
        command = f"sparkdrop upload {shlex.quote(str(path))} --pipeline {pipeline} --resume {upload_id}"
        console.print(
            f"{path.name} goes in parts; should it be cut off: {command}", markup=False, soft_wrap=True
        )

    with (
        show_bytes(total, quiet=quiet, console=console) as report_bytes,
        Sender(api, announce=announce) as sender,
    ):
        if resume is not None:
            sender.resume(resume, paths[0], report_bytes)
            return [Sent(paths[0], total, resume)]
        sent = list(sender.send_all(pipeline, paths, report_bytes))
    return sorted(sent, key=lambda each: paths.index(each.path))


def _wait(follower: Follower, timeout: timedelta, *, quiet: bool) -> None:
    with StateDisplay(follower.uploads, quiet=quiet, console=Console(stderr=True)) as display:
        for _ in follower.watch(timeout=timeout):
            display.update()

"""``sparkdrop upload``: send files to a pipeline, and wait for what becomes of them.

Files go through the API, which needs no AWS credentials; ``--direct`` puts them into S3 with those of the
environment, which is the way to a bucket that the API does not serve.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkdrop.cli.output import FAILED, WRONG_USAGE, JsonFlag, fail, print_error
from sparkdrop.client.names import URL_VARIABLE

if TYPE_CHECKING:
    from datetime import timedelta


def register(app: typer.Typer) -> None:
    """Add it to the command."""
    app.command("upload")(upload_files)


def upload_files(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", exists=True, dir_okay=False, readable=True, help="Local files."),
    ],
    *,
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="The pipeline that shall take them.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until each one has ended.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait, such as 90s or 1h.")] = "30m",
    resume: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Go on with an upload in parts that was cut off, of the same file."),
    ] = None,
    api_url: Annotated[str | None, typer.Option(envvar=URL_VARIABLE, help="Where the API is.")] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Put them into S3 with AWS credentials, past the API.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Upload files to where their pipeline takes them from."""
    longest = _parse_timeout(timeout)
    if resume is not None and (direct or len(paths) != 1):
        raise fail("--resume goes on with one file, and through the API", code=WRONG_USAGE)
    # both bring clients that `--help` need not wait for
    if direct:
        from sparkdrop.cli.direct_upload import upload_directly

        problems = upload_directly(pipeline, paths, longest if wait else None, as_json=as_json)
    elif api_url:
        from sparkdrop.cli.api_upload import upload_by_api

        problems = upload_by_api(
            api_url, pipeline, paths, longest if wait else None, resume=resume, as_json=as_json
        )
    else:
        hint = 'eval "$(sparkdrop local env)" on one machine, or the output ApiUrl of a deployment'
        raise fail(f"no API is named: {URL_VARIABLE} is not set; {hint}", code=WRONG_USAGE)
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

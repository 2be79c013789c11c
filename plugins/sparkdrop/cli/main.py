"""The ``sparkdrop`` command.

Other packages add commands through the entry point group ``sparkdrop.commands``: each entry is a function
``register(app: typer.Typer) -> None``. Exit codes: 0 fine, 1 the work failed, 2 wrong usage.
"""

from collections.abc import Callable
from importlib import metadata
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from sparkdrop.cli import pipelines, upload, uploads
from sparkdrop.cli.output import fail
from sparkdrop.core.errors import SparkdropError

COMMANDS_GROUP = "sparkdrop.commands"
Register = Callable[[typer.Typer], None]


class _Commands(TyperGroup):
    """Turns our own errors into one message and exit code 1; anything else is a bug with a traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's own signature
        try:
            return super().invoke(ctx)
        except SparkdropError as error:
            raise fail(error) from error


def build_app() -> typer.Typer:
    """Build the command with all its groups, those of installed packages included."""
    built = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        help="Drop a file, get a Spark run.",
        pretty_exceptions_show_locals=False,
    )
    built.callback()(_main)
    pipelines.register(built)
    upload.register(built)
    uploads.register(built)
    for entry in sorted(metadata.entry_points(group=COMMANDS_GROUP), key=lambda entry: entry.name):
        cast("Register", entry.load())(built)
    return built


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's own signature
    if wanted:
        typer.echo(f"sparkdrop {metadata.version('sparkdrop')}")
        raise typer.Exit


def _main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Drop a file, get a Spark run."""


app = build_app()

if __name__ == "__main__":
    app()

"""``sparkdrop uploads``: see what became of uploads.

Which deployment is meant, the ``SPARKDROP_*`` names of the environment say.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkdrop.cli.output import WRONG_USAGE, JsonFlag, fail, print_json, print_records, print_table
from sparkdrop.cli.target import Target, explain_aws, open_target

if TYPE_CHECKING:
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
_ID_LENGTH = 26


def register(app: typer.Typer) -> None:
    """Add it to the command."""
    app.add_typer(group, name="uploads")


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
    target = open_target()
    with explain_aws():
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


def _check_pipeline_name(target: Target, name: str) -> None:
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

    target = open_target()
    wanted = upload_id.strip().upper()
    if len(wanted) != _ID_LENGTH or not wanted.isalnum():
        raise fail(f"{upload_id!r} is no upload's id: one has {_ID_LENGTH} letters and digits; {_SEE_LIST}")
    with explain_aws():
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

"""``sparkdrop pipelines``: list, show, validate, make and publish pipeline files."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sparkdrop.cli.output import FAILED, WRONG_USAGE, JsonFlag, fail, print_error, print_json, print_table

if TYPE_CHECKING:
    from sparkdrop.core.config import LoadedConfigs
    from sparkdrop.core.pipeline import Pipeline

group = typer.Typer(
    no_args_is_help=True, help="Look at pipeline files, check them, make new ones, publish them."
)

ConfigDir = Annotated[
    Path, typer.Option(envvar="SPARKDROP_CONFIG_DIR", help="The folder of pipeline files.", show_default=True)
]
JobsDir = Annotated[
    Path, typer.Option(envvar="SPARKDROP_JOBS_DIR", help="The folder of Spark programs.", show_default=True)
]
CONFIG_DIR = Path("include/emr_configs")
JOBS_DIR = Path("include/spark_jobs")


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="pipelines")


def _load(config_dir: Path, jobs_dir: Path) -> "LoadedConfigs":
    # pydantic and the models cost 100 ms, which `--help` need not pay
    from sparkdrop.configs import load_configs

    return load_configs(config_dir, jobs_dir=jobs_dir if jobs_dir.is_dir() else None)


def _complete_name(incomplete: str) -> list[str]:
    loaded = _load(Path(os.environ.get("SPARKDROP_CONFIG_DIR", CONFIG_DIR)), JOBS_DIR)
    return [name for name in loaded.pipelines if name.startswith(incomplete)]


def describe_problems(loaded: "LoadedConfigs", files: Iterable[str]) -> list[dict[str, Any]]:
    """Give the problems of these files as records: file, path, line, message, hint."""
    return [asdict(problem) for file in files for problem in loaded.errors[file].problems]


def _to_record(pipeline: "Pipeline") -> dict[str, Any]:
    return pipeline.model_dump(mode="json", by_alias=True)


@group.command("list")
def list_pipelines(
    *, as_json: JsonFlag = False, config_dir: ConfigDir = CONFIG_DIR, jobs_dir: JobsDir = JOBS_DIR
) -> None:
    """List the pipelines; files that do not load are named on stderr."""
    loaded = _load(config_dir, jobs_dir)
    if as_json:
        records = [_to_record(pipeline) for pipeline in loaded.pipelines.values()]
        print_json({"pipelines": records, "errors": describe_problems(loaded, loaded.errors)})
        return
    print_table(
        ["pipeline", "arrival", "keys", "schedule", "compute"],
        [
            [
                pipeline.name,
                pipeline.arrival.mode,
                ", ".join(pipeline.arrival.keys),
                pipeline.schedule,
                f"{pipeline.compute.kind} {pipeline.compute.release}",
            ]
            for pipeline in loaded.pipelines.values()
        ],
    )
    for error in loaded.errors.values():
        print_error(error)


@group.command("show")
def show_pipeline(
    name: Annotated[str, typer.Argument(help="The pipeline's name.", autocompletion=_complete_name)],
    *,
    as_json: JsonFlag = False,
    config_dir: ConfigDir = CONFIG_DIR,
    jobs_dir: JobsDir = JOBS_DIR,
) -> None:
    """Show a pipeline whole, with all that its file leaves to the defaults."""
    loaded = _load(config_dir, jobs_dir)
    pipeline = loaded.pipelines.get(name)
    if pipeline is None:
        raise _explain_absence(loaded, name)
    record = _to_record(pipeline)
    if as_json:
        print_json(record)
        return
    import yaml

    typer.echo(yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=100).rstrip())


def _explain_absence(loaded: "LoadedConfigs", name: str) -> typer.Exit:
    for file, error in loaded.errors.items():
        if Path(file).stem in {name, "_defaults"}:
            return fail(error)
    near = difflib.get_close_matches(name, loaded.pipelines, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(loaded.pipelines) or 'none'}"
    return fail(f"no pipeline is called {name!r}; {hint}", code=WRONG_USAGE)


@group.command("validate")
def validate_pipelines(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; all by default.")] = None,
    *,
    as_json: JsonFlag = False,
    config_dir: ConfigDir = CONFIG_DIR,
    jobs_dir: JobsDir = JOBS_DIR,
) -> None:
    """Check pipeline files, each among its neighbours; exit code 1 says that something is wrong."""
    given = paths or [config_dir]
    missing = [str(path) for path in given if not path.exists()]
    if missing:
        raise fail(f"there is no {', '.join(missing)}", code=WRONG_USAGE)
    problems: list[dict[str, Any]] = []
    valid: list[str] = []
    for folder in sorted({path if path.is_dir() else path.parent for path in given}):
        loaded = _load(folder, jobs_dir)
        wanted = None if folder in given else {path.stem for path in given if path.parent == folder}
        shared = {"_defaults"}  # a wrong one takes every file with it
        files = [file for file in loaded.errors if wanted is None or Path(file).stem in wanted | shared]
        problems += describe_problems(loaded, files)
        valid += [name for name in loaded.pipelines if wanted is None or name in wanted]
    if as_json:
        print_json({"valid": valid, "problems": problems})
    else:
        _print_verdict(valid, problems)
    if problems:
        raise typer.Exit(FAILED)


def _print_verdict(valid: list[str], problems: list[dict[str, Any]]) -> None:
    from sparkdrop.core.errors import Problem

    for problem in problems:
        print_error(Problem(**problem))
    word = "pipeline is" if len(valid) == 1 else "pipelines are"
    typer.echo(f"{len(valid)} {word} fine" + (f": {', '.join(valid)}" if valid else ""))


@group.command("publish")
def publish_pipelines(
    *,
    bucket: Annotated[
        str, typer.Option(envvar="SPARKDROP_ARTIFACTS_BUCKET", help="The artifacts bucket.", show_envvar=True)
    ],
    as_json: JsonFlag = False,
    config_dir: ConfigDir = CONFIG_DIR,
    jobs_dir: JobsDir = JOBS_DIR,
) -> None:
    """Tell the API which pipelines there are; nothing is written where a file is wrong."""
    loaded = _load(config_dir, jobs_dir)
    if loaded.errors:
        _print_verdict(list(loaded.pipelines), describe_problems(loaded, loaded.errors))
        raise typer.Exit(FAILED)
    # boto3 costs a third of a second, which no other command of this group needs
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from sparkdrop.aws.catalog import publish_pipelines as publish

    try:
        changes = publish(boto3.client("s3"), bucket, loaded.pipelines.values())
    except (BotoCoreError, ClientError) as error:
        raise fail(f"s3://{bucket} cannot be written: {error}") from error
    if as_json:
        print_json({"pipelines": list(loaded.pipelines), "changes": changes})
        return
    for change in changes:
        typer.echo(change)
    typer.echo(f"{len(loaded.pipelines)} published" + ("" if changes else ", as they were before"))


@group.command("new")
def new_pipeline(
    name: Annotated[str, typer.Argument(help="Its name, in snake_case.")],
    *,
    keys: Annotated[
        list[str] | None, typer.Option("--keys", help='Key patterns; "NAME/*.csv" where left out.')
    ] = None,
    as_json: JsonFlag = False,
    config_dir: ConfigDir = CONFIG_DIR,
    jobs_dir: JobsDir = JOBS_DIR,
) -> None:
    """Make a new pipeline file; nothing is written where it would not load."""
    import yaml

    from sparkdrop.configs import list_files, load_files
    from sparkdrop.core.values import check_name

    try:
        check_name(name)
    except ValueError as error:
        raise fail(f"NAME: {error}", code=WRONG_USAGE) from error
    path = config_dir / f"{name}.yaml"
    if path.exists():
        raise fail(f"{path} is there already; sparkdrop pipelines show {name}")
    patterns = yaml.safe_dump(keys or [f"{name}/*.csv"], default_flow_style=True, width=10_000).strip()
    text = f"# yaml-language-server: $schema=./schema.json\narrival:\n  keys: {patterns}\n"
    # checked before it is written: a folder that Airflow reads never holds a file that breaks a neighbour
    programs = jobs_dir if jobs_dir.is_dir() else None
    loaded = load_files(list_files(config_dir), jobs_dir=programs, drafts={str(path): text})
    if name not in loaded.pipelines:
        raise _explain_absence(loaded, name)
    config_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"file": str(path), "pipeline": _to_record(loaded.pipelines[name])})
    else:
        typer.echo(f"{path}: {', '.join(loaded.pipelines[name].arrival.keys)} → {name}")

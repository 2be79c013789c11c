"""``python -m infra.cli``: what ``make infra``, ``cdk``, ``deploy``, ``destroy`` and ``doctor`` run."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.tools.account import explain_failure
from infra.tools.assembly import synthesize
from infra.tools.cdk_cli import ASSEMBLY, become_cli
from infra.tools.deployment import Deployed, deploy_stage, describe
from infra.tools.doctor import examine
from infra.tools.removal import describe_kept, destroy_stage
from sparkdrop.cli.output import FAILED, JsonFlag, print_error, print_json, print_table
from sparkdrop.core.errors import ConfigError, SparkdropError

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Synthesize, deploy and look after a stage's stacks."
)

Stage = Annotated[str, typer.Option(help="Stem of a file in infra/settings/.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]
DestroyData = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE",
        help="The second switch that lets the data go with the stacks; `destroy_data: true` in the settings"
        " file is the first.",
    ),
]
DEFAULT_STAGE = "dev"


@app.command()
def synth(stage: Stage = DEFAULT_STAGE, *, as_json: JsonFlag = False) -> None:
    """Write the templates of all stacks to cdk.out, and list them."""
    with _one_line_errors():
        started = time.monotonic()
        stacks = synthesize(stage, ASSEMBLY)
        seconds = round(time.monotonic() - started, 1)
        sizes = {stack.id: (stack.count_resources(), stack.template.stat().st_size) for stack in stacks}
    if as_json:
        records = [
            {
                "id": stack.id,
                "name": stack.name,
                "resources": sizes[stack.id][0],
                "bytes": sizes[stack.id][1],
                "after": list(stack.dependencies),
            }
            for stack in stacks
        ]
        print_json({"stage": stage, "seconds": seconds, "stacks": records})
        return
    print_table(
        ["stack", "name", "resources", "bytes", "after"],
        [[stack.id, stack.name, *sizes[stack.id], ", ".join(stack.dependencies)] for stack in stacks],
    )
    resources = sum(count for count, _ in sizes.values())
    typer.echo(f"{len(stacks)} stacks, {resources} resources, {seconds} s, in {ASSEMBLY}")


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
)
def cdk(context: typer.Context, stage: Stage = DEFAULT_STAGE) -> None:
    """Run any command of the pinned CDK CLI; what follows goes to it as it is."""
    with _one_line_errors():
        become_cli([*context.args, "--context", f"stage={stage}"])


@app.command()
def deploy(
    stacks: Annotated[list[str] | None, typer.Argument(help="Ids; all but EMRStack by default.")] = None,
    stage: Stage = DEFAULT_STAGE,
    *,
    yes: Yes = False,
    destroy_data: DestroyData = None,
    as_json: JsonFlag = False,
) -> None:
    """Bootstrap the account if it is not, deploy, upload programs and pipelines, print the settings."""
    with _one_line_errors():
        deployed = deploy_stage(stage, named=stacks or (), yes=yes, destroy_data=destroy_data)
    if as_json:
        print_json(describe(deployed))
    else:
        typer.echo(render(deployed))


@app.command()
def destroy(
    stage: Stage = DEFAULT_STAGE,
    *,
    yes: Yes = False,
    destroy_data: DestroyData = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete the stage's stacks; buckets and ledger are kept unless both switches say otherwise."""
    with _one_line_errors():
        kept = destroy_stage(stage, yes=yes, destroy_data=destroy_data)
    if as_json:
        print_json({"stage": stage, "kept": kept})
    else:
        typer.echo("\n".join([f"stage {stage} is gone", *describe_kept(kept)]))


@app.command()
def doctor(stage: Stage = DEFAULT_STAGE, *, as_json: JsonFlag = False) -> None:
    """Say what is there to deploy with, and what is missing; 1 where something is wrong."""
    findings = examine(stage)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{finding.state:5} {finding.subject}: {finding.text}")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(FAILED)


def render(deployed: Deployed) -> str:
    """Lines that a shell takes as they are: what is no setting is a comment."""
    facts = describe(deployed)
    comments = {
        "stage": f"{deployed.stage}, account {deployed.account}, {deployed.region}",
        "url": facts["url"],
        "page": facts["page"],
        **facts["buckets"],
        "Airflow's role": facts["airflow_role"],
    }
    lines = [f"# {name}: {value}" for name, value in comments.items() if value]
    lines += [f"# program: {uri}" for uri in facts["programs"]]
    return "\n".join(
        [*lines, *(f"export {name}={shlex.quote(value)}" for name, value in deployed.settings.items())]
    )


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        for problem in error.problems:
            print_error(problem)
        raise typer.Exit(FAILED) from error
    except SparkdropError as error:
        print_error(error)
        raise typer.Exit(FAILED) from error
    except (BotoCoreError, ClientError) as error:
        print_error(explain_failure(error))
        raise typer.Exit(FAILED) from error


if __name__ == "__main__":
    app()

"""Deploys a stage: templates, bootstrap, stacks, uploads."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from infra.settings.model import load_settings
from infra.tools.account import reach_account
from infra.tools.assembly import choose_stacks, synthesize
from infra.tools.cdk_cli import ASSEMBLY, build_command, run_cli
from infra.tools.delivery import deliver
from infra.tools.page import deliver_page
from sparkdrop.core.deployment import Deployment, environment_name, read_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from infra.settings.model import StageSettings
    from infra.tools.account import Account
    from infra.tools.assembly import SynthesizedStack
    from infra.tools.delivery import Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a stage is after a deployment.

    Attributes:
        stage: The stage.
        account: The account's number.
        region: The region.
        stacks: The outputs of every stack of the stage that is there, by the stack's name.
        delivery: What was uploaded; None where stacks that it needs are not there.
        page: Where the page is; None where there is none.
    """

    stage: str
    account: str
    region: str
    stacks: dict[str, dict[str, str]]
    delivery: Delivery | None = None
    page: str | None = None

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of all stacks, by their names."""
        return {name: value for outputs in self.stacks.values() for name, value in outputs.items()}

    @property
    def settings(self) -> dict[str, str]:
        """The environment of an Airflow that runs this stage's pipelines."""
        named = read_outputs(self.outputs)
        if self.delivery and self.delivery.dependencies:
            named[environment_name("spark_dependencies")] = self.delivery.dependencies
        return {
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            **dict(sorted(named.items())),
        }


def say(text: str) -> None:
    """Tell what is done now; results alone go to stdout."""
    sys.stderr.write(f"{text}\n")


def deploy_stage(
    stage: str,
    *,
    named: Sequence[str] = (),
    yes: bool = False,
    destroy_data: str | None = None,
    assembly: Path = ASSEMBLY,
) -> Deployed:
    """Synthesize once, bootstrap where needed, deploy, upload.

    Args:
        stage: Stem of the settings file.
        named: Ids of stacks; none deploys all but those that only a name brings.
        yes: Do not ask before permissions are widened.
        destroy_data: The second switch of ``destroy_data``.
        assembly: Where the templates go.

    Raises:
        ConfigError: The settings cannot be used.
        ToolError: A step failed; what came before it is done.
    """
    settings = load_settings(stage)
    build_command([])  # a CLI that is not installed is told of before minutes have gone by
    account = reach_account(settings.region)
    say(f"stage {stage}: account {account.number}, {account.region}, as {account.caller}")
    stacks = synthesize(stage, assembly, destroy_data=destroy_data)
    chosen = choose_stacks(stacks, named)
    bootstrap_account(account, chosen, assembly=assembly)
    approval = ["--require-approval", "never"] if yes else []
    run_cli(
        ["deploy", *(stack.id for stack in chosen), "--progress", "events", *approval],
        region=account.region,
        assembly=assembly,
    )
    outputs = account.read_outputs(stack.name for stack in stacks)
    deployed = Deployed(stage=stage, account=account.number, region=account.region, stacks=outputs)
    write_outputs(deployed, assembly)
    deployed = _deliver(account, deployed)
    page = deliver_page(account, deployed.outputs)
    if page is not None:
        warn_of_unknown_origin(page, settings)
    return replace(deployed, page=page)


def warn_of_unknown_origin(page: str, settings: StageSettings) -> None:
    """Say what is left to do where the page has a name that CloudFront gave it, and nobody else knows.

    A template cannot: the page names the bucket and the API, and they would have to name the page.
    """
    origin = page.rstrip("/")
    if origin not in settings.page_origins:
        say(
            f"the page cannot sign in or upload yet: add {origin} to uploads.cors_origins of"
            f" {settings.stage}.yaml and deploy again"
        )


def _deliver(account: Account, deployed: Deployed) -> Deployed:
    required = [name for name, field in Deployment.model_fields.items() if field.is_required()]
    missing = [name for name in map(environment_name, required) if name not in deployed.settings]
    if missing:
        say(f"programs and pipelines are not uploaded: no stack is there that gives {', '.join(missing)}")
        return deployed
    delivery = deliver(account, deployed.settings)
    for change in delivery.changes:
        say(f"pipelines: {change}")
    return replace(deployed, delivery=delivery)


def bootstrap_account(account: Account, stacks: Sequence[SynthesizedStack], *, assembly: Path) -> None:
    """Run ``cdk bootstrap`` where the account has no ``CDKToolkit``, or one too old for these stacks.

    Raises:
        ToolError: It failed.
    """
    found = account.read_bootstrap_version()
    needed = max((stack.bootstrap_version for stack in stacks), default=0)
    if found is not None and found >= needed:
        return
    state = "is not bootstrapped" if found is None else f"has bootstrap version {found}, {needed} is needed"
    say(f"account {account.number} {state}: `cdk bootstrap` makes CDKToolkit (bucket, repository, roles)")
    run_cli(
        ["bootstrap", f"aws://{account.number}/{account.region}"], region=account.region, assembly=assembly
    )


def write_outputs(deployed: Deployed, folder: Path) -> Path:
    """Write the stacks' outputs, as ``cdk deploy --outputs-file`` writes them."""
    file = folder / f"outputs.{deployed.stage}.json"
    file.write_text(json.dumps(deployed.stacks, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return file


def describe(deployed: Deployed) -> dict[str, Any]:
    """What was deployed, for ``--json``."""
    outputs, delivery = deployed.outputs, deployed.delivery
    return {
        "stage": deployed.stage,
        "account": deployed.account,
        "region": deployed.region,
        "url": outputs.get("ApiUrl"),
        "page": deployed.page,
        "buckets": {name: value for name, value in sorted(outputs.items()) if name.endswith("Bucket")},
        "airflow_role": outputs.get("AirflowRoleArn"),
        "environment": deployed.settings,
        "programs": list(delivery.programs) if delivery else [],
        "dependencies": delivery.dependencies if delivery else None,
        "stacks": deployed.stacks,
    }

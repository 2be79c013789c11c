"""Takes a stage away again: its stacks, and its data only where two switches say so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from infra.settings.model import load_settings
from infra.tools.account import reach_account
from infra.tools.assembly import synthesize
from infra.tools.cdk_cli import ASSEMBLY, run_cli
from infra.tools.deployment import say
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from infra.tools.account import Account
    from infra.tools.assembly import SynthesizedStack

BUCKET = "AWS::S3::Bucket"


def destroy_stage(
    stage: str, *, yes: bool = False, destroy_data: str | None = None, assembly: Path = ASSEMBLY
) -> dict[str, list[str]]:
    """Delete the stage's stacks.

    CloudFormation goes by the templates that are deployed. So where data may go too, the stacks are first
    deployed once more with the policy that says so, and their buckets emptied.

    Args:
        stage: Stem of the settings file.
        yes: Ask nothing.
        destroy_data: The second switch of ``destroy_data``; names the stage.
        assembly: Where the templates go.

    Returns:
        What was kept: names of resources by their types.

    Raises:
        ConfigError: The settings cannot be used, or do not allow what ``destroy_data`` asks for.
        ToolError: A step failed, or nobody is there to say yes.
    """
    account = reach_account(load_settings(stage).region)
    stacks = synthesize(stage, assembly, destroy_data=destroy_data)
    states = account.list_stacks(stage)
    chosen = _choose_deployed(account, stage, stacks, states)
    ids = [stack.id for stack in chosen]
    data = "its data too" if destroy_data else "its data is kept"
    confirm(f"delete {', '.join(ids)} of account {account.number}, {account.region}; {data}", stage, yes=yes)
    # what an earlier run could not delete takes no update, and has the policy already
    update = [stack.id for stack in chosen if states[stack.name] != "DELETE_FAILED"]
    if destroy_data and update:
        command = ["deploy", *update, "--exclusively", "--require-approval", "never"]
        run_cli(command, region=account.region, assembly=assembly)
    resources = [resource for stack in chosen for resource in account.list_resources(stack.name)]
    if destroy_data:
        empty_buckets(account, [one.name for one in resources if one.type == BUCKET and not one.kept])
    run_cli(["destroy", *ids, "--force"], region=account.region, assembly=assembly)
    kept: dict[str, list[str]] = {}
    for resource in sorted(resources, key=lambda one: (one.type, one.name)):
        if resource.kept:
            kept.setdefault(resource.type, []).append(resource.name)
    return kept


def _choose_deployed(
    account: Account, stage: str, stacks: Sequence[SynthesizedStack], present: Collection[str]
) -> list[SynthesizedStack]:
    if not present:
        raise ToolError(f"stage {stage} has no stack in account {account.number}, {account.region}")
    if left := sorted(set(present) - {stack.name for stack in stacks}):
        raise ToolError(
            f"{', '.join(left)}: deployed by settings that {stage}.yaml no longer has: put them back, or"
            " delete it in CloudFormation's console first"
        )
    return [stack for stack in stacks if stack.name in present]


def confirm(what: str, stage: str, *, yes: bool) -> None:
    """Let the person at the terminal write the stage's name.

    Raises:
        ToolError: Another word came, or nobody is there.
    """
    if yes:
        return
    say(f"about to {what}")
    if not sys.stdin.isatty():
        raise ToolError("nobody is here to ask: YES=1 asks nothing")
    sys.stderr.write(f"write {stage} to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != stage:
        raise ToolError("nothing was deleted")


def empty_buckets(account: Account, names: Sequence[str]) -> None:
    """Delete every version of every object; CloudFormation deletes only empty buckets.

    Raises:
        ToolError: S3 refuses to delete an object.
    """
    client = account.make_client("s3")
    # first of all, because what is done to a bucket from now on would be logged into another
    for name in names:
        client.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    for name in names:
        say(f"emptying {name}")
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            _delete_versions(client, name, page)


def _delete_versions(client: Any, bucket: str, page: Mapping[str, Any]) -> None:  # noqa: ANN401 - boto3's
    found = [
        {"Key": entry["Key"], "VersionId": entry["VersionId"]}
        for kind in ("Versions", "DeleteMarkers")
        for entry in page.get(kind, ())
    ]
    if not found:
        return
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
    if errors := answer.get("Errors"):
        raise ToolError(f"s3://{bucket}/{errors[0]['Key']} cannot be deleted: {errors[0]['Message']}")


def describe_kept(kept: dict[str, list[str]]) -> Sequence[str]:
    """Tell in lines what outlived its stack."""
    return [f"kept: {kind} {name}" for kind, names in kept.items() for name in names]

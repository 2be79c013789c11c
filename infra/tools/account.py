"""The account that the environment's credentials reach, and what CloudFormation and SSM know there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable

# What `cdk bootstrap` writes, and every stack's template asks for:
# https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
# Who asks wants to know soon whether AWS can be reached at all.
_QUICK = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3, "mode": "standard"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account, in one region.

    Attributes:
        number: Its twelve digits.
        region: The region.
        caller: Whose credentials they are: an ARN.
        session: What makes clients of it.
    """

    number: str
    region: str
    caller: str
    session: boto3.Session

    def make_client(self, service: str) -> Any:  # noqa: ANN401 - one of boto3's many
        """Make a client of a service."""
        return self.session.client(service, config=_QUICK)  # type: ignore[call-overload]

    def read_bootstrap_version(self) -> int | None:
        """The version of the stack ``CDKToolkit``; None where the account is not bootstrapped."""
        ssm = self.make_client("ssm")
        try:
            return int(ssm.get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    def read_outputs(self, stack_names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The outputs of those of these stacks that are there, by the stack's name."""
        cloudformation = self.make_client("cloudformation")
        outputs: dict[str, dict[str, str]] = {}
        for name in stack_names:
            try:
                (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
            except ClientError as error:
                # CloudFormation's word for "no such stack"
                if error.response["Error"]["Code"] != "ValidationError":
                    raise
                continue
            outputs[name] = {
                output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())
            }
        return outputs

    def list_stacks(self, stage: str) -> dict[str, str]:
        """The states of all stacks that carry a stage's tag and a name of ours, by their names."""
        pages = self.make_client("cloudformation").get_paginator("describe_stacks").paginate()
        wanted = {"Key": "stage", "Value": stage}
        return {
            stack["StackName"]: stack["StackStatus"]
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith(f"sparkdrop-{stage}-") and wanted in stack.get("Tags", ())
        }

    def list_resources(self, stack_name: str) -> list[StackResource]:
        """What a stack holds, with what its deployed template says of their end."""
        cloudformation = self.make_client("cloudformation")
        template: Any = cloudformation.get_template(StackName=stack_name)["TemplateBody"]
        body = json.loads(template) if isinstance(template, str) else template
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        return [
            StackResource(
                type=summary["ResourceType"],
                name=summary.get("PhysicalResourceId", ""),
                kept=body["Resources"][summary["LogicalResourceId"]].get("DeletionPolicy", "Delete")
                != "Delete",
            )
            for page in pages
            for summary in page["StackResourceSummaries"]
            if summary["LogicalResourceId"] in body["Resources"]
        ]


@dataclass(frozen=True, slots=True)
class StackResource:
    """One resource of a deployed stack.

    Attributes:
        type: CloudFormation's.
        name: Its physical id.
        kept: Whether it outlives its stack.
    """

    type: str
    name: str
    kept: bool


def reach_account(region: str | None) -> Account:
    """Ask AWS who we are.

    Args:
        region: The stage's; None takes the environment's or the profile's.

    Raises:
        ToolError: There is no region, there are no credentials, or nobody answers.
    """
    try:
        # boto3 itself takes AWS_DEFAULT_REGION alone, the CDK CLI both
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        if session.region_name is None:
            raise ToolError("no region: set `region` in the stage's settings file, or AWS_REGION")
        identity: Any = session.client("sts", config=_QUICK).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise ToolError(explain_failure(error)) from error
    return Account(
        number=identity["Account"], region=session.region_name, caller=identity["Arn"], session=session
    )


def explain_failure(error: BotoCoreError | ClientError) -> str:
    """Say in one line what AWS or the way there refuses."""
    text = " ".join(str(error).split())
    if type(error).__name__ in {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
        return (
            f'{text}: set AWS_PROFILE or AWS_ACCESS_KEY_ID, or on one machine: eval "$(sparkdrop local env)"'
        )
    return text

"""The stacks, created through CloudFormation's API as the CDK CLI would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws import names
from sparkdrop_local.aws.completion import check_template, complete_stack
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.aws.templates import StackTemplate

# What `cdk bootstrap` leaves, and every CDK template asks for.
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = "30"
BUCKET_OUTPUTS = ("UploadsBucket", "CuratedBucket", "ArtifactsBucket", "LogsBucket")


def deploy(clients: Clients, templates: list[StackTemplate]) -> dict[str, str]:
    """Create every stack and the EMR roles.

    Returns:
        The environment of a deployment: ``SPARKDROP_*``.

    Raises:
        EmulationError: A stack cannot be held or created, or misses an output.
    """
    clients("ssm").put_parameter(Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String")
    for template in templates:
        check_template(template)
    outputs: dict[str, str] = {}
    for template in templates:
        outputs |= create_stack(clients, template)
    create_emr_roles(clients)
    return build_environment(clients, outputs)


def create_stack(clients: Clients, template: StackTemplate) -> dict[str, str]:
    """Create one stack, with what moto's CloudFormation leaves out.

    Returns:
        The stack's outputs.

    Raises:
        EmulationError: It did not reach CREATE_COMPLETE.
    """
    cloudformation = clients("cloudformation")
    cloudformation.create_stack(
        StackName=template.name,
        TemplateBody=json.dumps(template.body),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    # moto creates the stack before it answers
    stack = cloudformation.describe_stacks(StackName=template.name)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reason = stack.get("StackStatusReason", "no reason given")
        raise EmulationError(f"stack {template.name}: {stack['StackStatus']}: {reason}")
    complete_stack(clients, template)
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def create_emr_roles(clients: Clients) -> None:
    """Create the roles that a job flow names; a later stack will bring them."""
    iam = clients("iam")
    for role, service in {
        names.EMR_SERVICE_ROLE: "elasticmapreduce.amazonaws.com",
        names.EMR_INSTANCE_PROFILE: "ec2.amazonaws.com",
    }.items():
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName=names.EMR_INSTANCE_PROFILE)
    iam.add_role_to_instance_profile(
        InstanceProfileName=names.EMR_INSTANCE_PROFILE, RoleName=names.EMR_INSTANCE_PROFILE
    )


def build_environment(clients: Clients, outputs: dict[str, str]) -> dict[str, str]:
    """Name the deployment's resources as ``sparkdrop.core.deployment`` reads them.

    Raises:
        EmulationError: The templates give no such output.
    """
    try:
        environment = {f"SPARKDROP_{_to_upper_snake(name)}": outputs[name] for name in BUCKET_OUTPUTS}
        # moto's output names a host of AWS; the service's own answer names this one
        queue = outputs["ArrivalsQueueUrl"].rsplit("/", 1)[-1]
        table = outputs["LedgerTable"]
    except KeyError as error:
        raise EmulationError(f"the templates give no output {error}: see infra/stacks") from error
    answer: dict[str, Any] = clients("sqs").get_queue_url(QueueName=queue)
    return {
        **environment,
        "SPARKDROP_ARRIVALS_QUEUE_URL": answer["QueueUrl"],
        "SPARKDROP_LEDGER_TABLE": table,
        "SPARKDROP_EMR_SERVICE_ROLE": names.EMR_SERVICE_ROLE,
        "SPARKDROP_EMR_INSTANCE_PROFILE": names.EMR_INSTANCE_PROFILE,
    }


def _to_upper_snake(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).lstrip("_")

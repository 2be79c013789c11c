"""The stacks, created through CloudFormation's API as any client would."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparkdrop.core.deployment import Deployment, read_outputs
from sparkdrop.core.errors import ConfigError
from sparkdrop_local.aws.cloudformation.catalog import explain_unheld
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.aws.templates import StackTemplate

log = logging.getLogger(__name__)

# What `cdk bootstrap` leaves, and every CDK template asks for.
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = "30"
# Without these there is no system; what else cannot be held is left out.
NEEDED = ("S3Stack", "EventsStack", "EMRRolesStack")
DEPLOYED = "deployed"
LEFT_OUT = {
    "EMRStack": "a cluster that is there before anyone asks for it: `cdk deploy EMRStack` brings it up",
}


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is there after the start.

    Attributes:
        environment: The deployment's ``SPARKDROP_*``.
        stacks: Each stack's id, and "deployed" or why it is left out.
    """

    environment: dict[str, str] = field(default_factory=dict)
    stacks: dict[str, str] = field(default_factory=dict)


def deploy(clients: Clients, templates: list[StackTemplate]) -> Deployed:
    """Create every stack that can be held.

    Args:
        clients: Of the emulation.
        templates: Each after those that it depends on.

    Raises:
        EmulationError: A stack that is needed cannot be held, one cannot be created, or an output is missing.
    """
    ssm = clients("ssm")
    ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String")
    stacks: dict[str, str] = {}
    outputs: dict[str, str] = {}
    for template in templates:
        reason = find_reason(template, stacks)
        stacks[template.id] = reason or DEPLOYED
        if reason is None:
            outputs |= create_stack(clients, template)
        else:
            log.info("stack %s is left out: %s", template.id, reason)
    # nothing was bootstrapped, so nothing may say so: `cdk bootstrap` works here as in any new account
    ssm.delete_parameter(Name=BOOTSTRAP_PARAMETER)
    return Deployed(_check_environment(read_outputs(outputs)), stacks)


def find_reason(template: StackTemplate, stacks: dict[str, str]) -> str | None:
    """Say why a stack is left out; None where it is not.

    Args:
        template: The stack.
        stacks: What became of those before it.

    Raises:
        EmulationError: It is needed, and cannot be held.
    """
    if unheld := explain_unheld(template.body):
        reason = f"the emulation does not hold {unheld}"
    elif missing := [one for one in template.dependencies if stacks.get(one) != DEPLOYED]:
        reason = f"needs {', '.join(missing)}"
    else:
        return LEFT_OUT.get(template.id)
    if template.id in NEEDED:
        raise EmulationError(
            f"stack {template.name}: {reason} (what it holds: sparkdrop_local/aws/cloudformation/catalog.py)"
        )
    return reason


def create_stack(clients: Clients, template: StackTemplate) -> dict[str, str]:
    """Create one stack.

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
        Tags=[{"Key": key, "Value": value} for key, value in template.tags.items()],
    )
    # the emulation creates the stack before it answers
    stack = cloudformation.describe_stacks(StackName=template.name)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        reason = stack.get("StackStatusReason", "no reason given")
        raise EmulationError(f"stack {template.name}: {stack['StackStatus']}: {reason}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def _check_environment(environment: dict[str, str]) -> dict[str, str]:
    try:
        Deployment.from_environment(environment)
    except ConfigError as error:
        missing = ", ".join(str(problem.path) for problem in error.problems)
        raise EmulationError(f"the stacks' outputs do not give {missing}: see infra/stacks") from error
    return environment

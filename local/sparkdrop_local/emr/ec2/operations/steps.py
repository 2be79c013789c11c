"""Steps: add, list, describe, cancel."""

from collections.abc import Mapping, Sequence
from typing import Any

from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.records import Cluster, Step, Timeline
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.ec2.views import build_step, build_step_summary
from sparkdrop_local.emr.ec2.words import StepState
from sparkdrop_local.emr.errors import invalid_request, validation
from sparkdrop_local.emr.paging import take_page

_MAX_STEP_IDS = 10
# RunJobFlow and AddJobFlowSteps leave ActionOnFailure optional; EMR then shuts the cluster down.
_DEFAULT_ACTION = "TERMINATE_CLUSTER"


def add_job_flow_steps(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Put steps at the end of a cluster's queue."""
    cluster = registry.find_live_job_flow(parameters["JobFlowId"])
    steps = build_steps(
        parameters["Steps"],
        created=registry.context.clock.now(),
        concurrency=cluster.concurrency,
        active=len(cluster.active),
        execution_role=parameters.get("ExecutionRoleArn"),
    )
    registry.add_steps(cluster, steps)
    return {"StepIds": [step.id for step in steps]}


def build_steps(
    configs: Sequence[Mapping[str, Any]],
    *,
    created: float,
    concurrency: int,
    active: int,
    execution_role: str | None = None,
) -> list[Step]:
    """Make steps of StepConfigs.

    Raises:
        EmrError: ValidationException for more than 256 active steps, for a HadoopJarStep of more than 10,240
            characters, and for an action on failure that a StepConcurrencyLevel above 1 does not allow.
    """
    if active + len(configs) > words.MAX_ACTIVE_STEPS:
        raise validation(words.TOO_MANY_STEPS)
    steps = []
    for config in configs:
        action = config.get("ActionOnFailure") or (_DEFAULT_ACTION if concurrency == 1 else "CONTINUE")
        if concurrency > 1 and action != "CONTINUE":
            raise validation(
                f"ActionOnFailure {action} is not valid: with a StepConcurrencyLevel above 1 use CONTINUE."
            )
        characters = _count_characters(config["HadoopJarStep"])
        if characters > words.MAX_STEP_CHARACTERS:
            raise validation(
                f"The strings of step '{config['Name']}'s HadoopJarStep have {characters} characters in all; "
                f"the limit is {words.MAX_STEP_CHARACTERS}."
            )
        steps.append(
            Step(
                name=config["Name"],
                config=config["HadoopJarStep"],
                action_on_failure=action,
                timeline=Timeline(created),
                execution_role=execution_role,
            )
        )
    return steps


def list_steps(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List steps, 50 a page: newest first, unless they are asked for by id or state."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    identifiers, states = parameters.get("StepIds"), parameters.get("StepStates")
    if identifiers and states:
        raise invalid_request("Cannot specify both StepIds and StepStates.")
    if identifiers and len(identifiers) > _MAX_STEP_IDS:
        raise invalid_request(f"At most {_MAX_STEP_IDS} StepIds can be asked for at once.")
    found = (
        [registry.find_step(cluster, identifier) for identifier in identifiers]
        if identifiers
        else reversed(cluster.steps.values())
    )
    page, marker = take_page(
        found,
        parameters.get("Marker"),
        lambda step: step.id,
        matches=lambda step: not states or step.state in states,
    )
    return {"Steps": [build_step_summary(cluster, step) for step in page], "Marker": marker}


def describe_step(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a step."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    return {"Step": build_step(cluster, registry.find_step(cluster, parameters["StepId"]))}


def cancel_steps(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Cancel steps that wait or run."""
    cluster = registry.find_cluster(parameters["ClusterId"])
    if len(parameters["StepIds"]) > words.MAX_ACTIVE_STEPS:
        raise invalid_request(f"At most {words.MAX_ACTIVE_STEPS} steps can be cancelled at once.")
    force = parameters.get("StepCancellationOption") == "TERMINATE_PROCESS"
    answers = [_cancel(registry, cluster, identifier, force=force) for identifier in parameters["StepIds"]]
    registry.change(cluster)
    return {"CancelStepsInfoList": answers}


def _cancel(registry: Registry, cluster: Cluster, identifier: str, *, force: bool) -> dict[str, str]:
    step = cluster.steps.get(identifier)
    if step is None:
        return {"StepId": identifier, "Status": "FAILED", "Reason": "Step does not exist in the cluster."}
    if step.state in (StepState.PENDING, StepState.RUNNING, StepState.CANCEL_PENDING):
        registry.cancel_step(cluster, step, force=force)
    else:
        reason = f"Step cannot be cancelled in state {step.state}."
        return {"StepId": identifier, "Status": "FAILED", "Reason": reason}
    return {"StepId": identifier, "Status": "SUBMITTED"}


def _count_characters(jar_step: Mapping[str, Any]) -> int:
    strings = [jar_step["Jar"], jar_step.get("MainClass") or "", *(jar_step.get("Args") or ())]
    for pair in jar_step.get("Properties") or ():
        strings += [pair.get("Key", ""), pair.get("Value", "")]
    return sum(map(len, strings))


OPERATIONS = {
    "AddJobFlowSteps": add_job_flow_steps,
    "ListSteps": list_steps,
    "DescribeStep": describe_step,
    "CancelSteps": cancel_steps,
}

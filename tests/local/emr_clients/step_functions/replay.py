"""Step Functions' side of a state machine: its states in turn, each task as the calls that AWS makes of it.

What each task of the optimized integration calls, and what it waits for:
https://docs.aws.amazon.com/step-functions/latest/dg/connect-emr.html. The SDK's integration takes and gives
members whose names begin with a capital, whatever the service calls them:
https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from tests.local.emr_clients.waiting import wait_for, wait_for_step

if TYPE_CHECKING:
    from botocore.model import Shape

    from tests.local.emr_clients.server import Server

_OPTIMIZED = "arn:aws:states:::elasticmapreduce:"
_SDK = "arn:aws:states:::aws-sdk:"
_WAITED_SECONDS = 0.05  # whatever a Wait state asks for


class TaskFailedError(Exception):
    """A task, or the machine, has failed: States.TaskFailed."""


class Replay:
    """One execution at a time of a recorded machine.

    Attributes:
        states: the names of the states that an execution went through.
    """

    def __init__(self, server: Server, definition: dict[str, Any]) -> None:
        self._definition = definition
        self._emr = server.make_client("emr")
        self._sdk = {"emrserverless": server.make_client("emr-serverless")}
        self.states: list[str] = []

    def run(self, data: dict[str, Any]) -> dict[str, Any]:
        """Go through the states, and give what the last one left.

        Raises:
            TaskFailedError: A task failed, or a Fail state was reached.
            ClientError: A call was refused.
        """
        name: str | None = self._definition["StartAt"]
        while name is not None:
            self.states.append(name)
            name = self._enter(self._definition["States"][name], data)
        return data

    def _enter(self, state: dict[str, Any], data: dict[str, Any]) -> str | None:
        match state["Type"]:
            case "Task":
                parameters = _fill(state["Parameters"], data)
                data[state["ResultPath"].removeprefix("$.")] = self._call(state["Resource"], parameters)
            case "Choice":
                chosen = (
                    rule["Next"]
                    for rule in state["Choices"]
                    if _look_up(rule["Variable"], data) == rule["StringEquals"]
                )
                return str(next(chosen, state["Default"]))
            case "Wait":
                time.sleep(_WAITED_SECONDS)
            case other:
                raise TaskFailedError(f"{other} state after {self.states}: {data}")
        return state.get("Next")

    def _call(self, resource: str, parameters: dict[str, Any]) -> Any:
        if resource.startswith(_OPTIMIZED):
            action, _, pattern = resource.removeprefix(_OPTIMIZED).partition(".")
            task = getattr(self, f"_{xform_name(action)}")
            return task(parameters, is_sync=pattern == "sync")
        service, action = resource.removeprefix(_SDK).split(":")
        client = self._sdk[service]
        model = client.meta.service_model.operation_model(action[0].upper() + action[1:])
        answer = getattr(client, xform_name(action))(**_uncapitalize(parameters, model.input_shape))
        return _capitalize({key: value for key, value in answer.items() if key != "ResponseMetadata"})

    def _create_cluster(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        assert asked["Instances"]["KeepJobFlowAliveWhenNoSteps"] is True
        started = self._emr.run_job_flow(**asked)
        if is_sync:
            self._await_cluster(started["JobFlowId"], "WAITING")
        return {"ClusterId": started["JobFlowId"], "ClusterArn": started["ClusterArn"]}

    def _add_step(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        role = {name: asked[name] for name in ("ExecutionRoleArn",) if name in asked}
        cluster = asked["ClusterId"]
        (step,) = self._emr.add_job_flow_steps(JobFlowId=cluster, Steps=[asked["Step"]], **role)["StepIds"]
        if not is_sync:
            return {"StepId": step}
        if wait_for_step(self._emr, cluster, step, "COMPLETED", "FAILED", "CANCELLED") != "COMPLETED":
            raise TaskFailedError(step)
        return {"StepId": step, "Step": self._emr.describe_step(ClusterId=cluster, StepId=step)["Step"]}

    def _cancel_step(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        assert not is_sync
        (told,) = self._emr.cancel_steps(ClusterId=asked["ClusterId"], StepIds=[asked["StepId"]])[
            "CancelStepsInfoList"
        ]
        return {"CancelStepsInfo": told}

    def _set_cluster_termination_protection(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        assert not is_sync
        self._emr.set_termination_protection(
            JobFlowIds=[asked["ClusterId"]], TerminationProtected=asked["TerminationProtected"]
        )
        return {}

    def _modify_instance_group_by_name(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        assert not is_sync
        groups = self._emr.list_instance_groups(ClusterId=asked["ClusterId"])["InstanceGroups"]
        (found,) = (group["Id"] for group in groups if group["Name"] == asked["InstanceGroupName"])
        change = {"InstanceGroupId": found, **asked["InstanceGroup"]}
        self._emr.modify_instance_groups(ClusterId=asked["ClusterId"], InstanceGroups=[change])
        return {}

    def _modify_instance_fleet_by_name(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        assert not is_sync
        fleets = self._emr.list_instance_fleets(ClusterId=asked["ClusterId"])["InstanceFleets"]
        (found,) = (fleet["Id"] for fleet in fleets if fleet["Name"] == asked["InstanceFleetName"])
        change = {"InstanceFleetId": found, **asked["InstanceFleet"]}
        self._emr.modify_instance_fleet(ClusterId=asked["ClusterId"], InstanceFleet=change)
        return {}

    def _terminate_cluster(self, asked: dict[str, Any], *, is_sync: bool) -> Any:
        self._emr.terminate_job_flows(JobFlowIds=[asked["ClusterId"]])
        if is_sync:
            self._await_cluster(asked["ClusterId"], "TERMINATED")
        return {}

    def _await_cluster(self, cluster: str, state: str) -> None:
        ends = (state, "TERMINATED", "TERMINATED_WITH_ERRORS")
        found = wait_for(
            lambda: self._emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"], *ends
        )
        if found != state:
            raise TaskFailedError(f"{cluster} is {found}")


def _look_up(path: str, data: dict[str, Any]) -> Any:
    found: Any = data
    for name in path.removeprefix("$.").split("."):
        found = found[name]
    return found


def _fill(template: Any, data: dict[str, Any]) -> Any:
    """Put the values of a machine's data in where a template names their paths."""
    if isinstance(template, list):
        return [_fill(item, data) for item in template]
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _look_up(value, data) if key.endswith(".$") else _fill(value, data)
        for key, value in template.items()
    }


def _uncapitalize(value: Any, shape: Shape) -> Any:
    if shape.type_name == "structure":
        names = {name.lower(): name for name in shape.members}
        return {
            names[key.lower()]: _uncapitalize(item, shape.members[names[key.lower()]])
            for key, item in value.items()
        }
    return value


def _capitalize(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: _capitalize(item) for key, item in value.items()}
    return [_capitalize(item) for item in value] if isinstance(value, list) else value

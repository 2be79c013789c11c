"""The tasks of CDK's state machines for EMR and EMR Serverless, recorded as JSON beside this file.

``python -m tests.local.emr_clients.step_functions.record`` writes them; ``--check`` compares.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

import infra  # noqa: F401 - chooses jsii's Node

HERE = Path(__file__).resolve().parent
ROLE = "arn:aws:iam::123456789012:role/job"
CLUSTER = sfn.JsonPath.string_at("$.Cluster.ClusterId")
STEP = sfn.JsonPath.string_at("$.Step.StepId")
APPLICATION = sfn.JsonPath.string_at("$.Application.ApplicationId")
SYNC = sfn.IntegrationPattern.RUN_JOB
InstanceRole = tasks.EmrCreateCluster.InstanceRoleType


def build_groups(scope: cdk.Stack) -> sfn.IChainable:
    """A cluster of instance groups, from its start to its end."""
    primary = tasks.EmrCreateCluster.InstanceGroupConfigProperty(
        name="primary", instance_count=1, instance_role=InstanceRole.MASTER, instance_type="m7g.xlarge"
    )
    core = tasks.EmrCreateCluster.InstanceGroupConfigProperty(
        name="core", instance_count=2, instance_role=InstanceRole.CORE, instance_type="m7g.xlarge"
    )
    instances = tasks.EmrCreateCluster.InstancesConfigProperty(instance_groups=[primary, core])
    scaling = iam.Role.from_role_name(scope, "ScalingRole", "EMR_AutoScaling_DefaultRole")
    return (
        _create_cluster(scope, instances, auto_scaling_role=scaling)
        .next(
            tasks.EmrModifyInstanceGroupByName(
                scope,
                "ModifyGroup",
                cluster_id=CLUSTER,
                instance_group_name="core",
                instance_group=tasks.EmrModifyInstanceGroupByName.InstanceGroupModifyConfigProperty(
                    instance_count=3
                ),
                result_path="$.Group",
            )
        )
        .next(_protect(scope, "Protect", protected=True))
        .next(
            tasks.EmrAddStep(
                scope,
                "AddStep",
                cluster_id=CLUSTER,
                name="add",
                jar="command-runner.jar",
                args=["bash", "-c", "exit 0"],
                action_on_failure=tasks.ActionOnFailure.CONTINUE,
                execution_role_arn=ROLE,
                result_path="$.Added",
            )
        )
        .next(
            tasks.EmrAddStep(
                scope,
                "AddStepWithoutWaiting",
                cluster_id=CLUSTER,
                name="long",
                jar="command-runner.jar",
                args=["sleep", "600"],
                integration_pattern=sfn.IntegrationPattern.REQUEST_RESPONSE,
                result_path="$.Step",
            )
        )
        .next(
            tasks.EmrCancelStep(
                scope, "CancelStep", cluster_id=CLUSTER, step_id=STEP, result_path="$.Cancelled"
            )
        )
        .next(_protect(scope, "Unprotect", protected=False))
        .next(_terminate(scope))
    )


def build_fleets(scope: cdk.Stack) -> sfn.IChainable:
    """A cluster of instance fleets."""
    primary = tasks.EmrCreateCluster.InstanceFleetConfigProperty(
        name="primary", instance_fleet_type=InstanceRole.MASTER, target_on_demand_capacity=1,
        instance_type_configs=[
            tasks.EmrCreateCluster.InstanceTypeConfigProperty(instance_type="m7g.xlarge")
        ],
    )  # fmt: skip
    core = tasks.EmrCreateCluster.InstanceFleetConfigProperty(
        name="core", instance_fleet_type=InstanceRole.CORE, target_on_demand_capacity=1,
        target_spot_capacity=1, instance_type_configs=[
            tasks.EmrCreateCluster.InstanceTypeConfigProperty(
                instance_type="m7g.xlarge", weighted_capacity=1
            )
        ],
    )  # fmt: skip
    instances = tasks.EmrCreateCluster.InstancesConfigProperty(instance_fleets=[primary, core])
    modify = tasks.EmrModifyInstanceFleetByName(
        scope, "ModifyFleet", cluster_id=CLUSTER, instance_fleet_name="core", target_on_demand_capacity=2,
        target_spot_capacity=0, result_path="$.Fleet",
    )  # fmt: skip
    return _create_cluster(scope, instances).next(modify).next(_terminate(scope))


def build_serverless(scope: cdk.Stack) -> sfn.IChainable:
    """A job run of EMR Serverless, which CDK calls by the SDK's integration."""
    create = {
        "Name": "step-functions",
        "ReleaseLabel": "emr-spark-8.0.0",
        "Type": "SPARK",
        "ClientToken": "once",
    }
    one = {"ApplicationId": APPLICATION}
    run = one | {
        "ClientToken": sfn.JsonPath.string_at("$.Token"),
        "ExecutionRoleArn": ROLE,
        "JobDriver": {
            "SparkSubmit": {
                "EntryPoint": "s3://step-functions/program.py",
                "EntryPointArguments": ["a"],
                "SparkSubmitParameters": "--conf spark.executor.cores=1",
            }
        },
    }
    get = one | {"JobRunId": sfn.JsonPath.string_at("$.Run.JobRunId")}
    look = _call(scope, "getJobRun", get, "$.Told")
    again = sfn.Wait(scope, "Wait", time=sfn.WaitTime.duration(cdk.Duration.seconds(30))).next(look)
    state = "$.Told.JobRun.State"
    return (
        _call(scope, "createApplication", create, "$.Application")
        .next(_call(scope, "startApplication", one, "$.Started"))
        .next(_call(scope, "startJobRun", run, "$.Run"))
        .next(look)
        .next(
            sfn.Choice(scope, "IsOver")
            .when(
                sfn.Condition.string_equals(state, "SUCCESS"),
                _call(scope, "stopApplication", one, "$.Stopped"),
            )
            .when(sfn.Condition.string_equals(state, "FAILED"), sfn.Fail(scope, "JobRunFailed"))
            .otherwise(again)
        )
    )


def _call(scope: cdk.Stack, action: str, parameters: dict[str, Any], result: str) -> tasks.CallAwsService:
    return tasks.CallAwsService(
        scope,
        action[0].upper() + action[1:],
        service="emrserverless",
        action=action,
        parameters=parameters,
        iam_resources=["*"],
        result_path=result,
    )


def _create_cluster(scope: cdk.Stack, instances: Any, **more: Any) -> tasks.EmrCreateCluster:
    return tasks.EmrCreateCluster(
        scope,
        "CreateCluster",
        name="step-functions",
        instances=instances,
        # CDK refuses emr-spark-8.0.0: it knows no other names than this kind
        release_label="emr-7.13.0",
        applications=[tasks.EmrCreateCluster.ApplicationConfigProperty(name="Spark")],
        cluster_role=iam.Role.from_role_name(scope, "ClusterRole", "EMR_EC2_DefaultRole"),
        service_role=iam.Role.from_role_name(scope, "ServiceRole", "EMR_DefaultRole"),
        log_uri="s3://step-functions/logs/",
        step_concurrency_level=2,
        tags={"team": "data"},
        visible_to_all_users=True,
        result_path="$.Cluster",
        **more,
    )


def _protect(scope: cdk.Stack, name: str, *, protected: bool) -> sfn.TaskStateBase:
    return tasks.EmrSetClusterTerminationProtection(
        scope, name, cluster_id=CLUSTER, termination_protected=protected, result_path=f"$.{name}"
    )


def _terminate(scope: cdk.Stack) -> sfn.TaskStateBase:
    return tasks.EmrTerminateCluster(
        scope, "TerminateCluster", cluster_id=CLUSTER, integration_pattern=SYNC, result_path="$.Ended"
    )


MACHINES = {"instance_groups": build_groups, "instance_fleets": build_fleets, "serverless": build_serverless}


def record(name: str) -> str:
    """Synthesize a state machine, and give its definition as JSON."""
    app = cdk.App(analytics_reporting=False)
    stack = cdk.Stack(
        app, "Stack", synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
    )
    body = sfn.DefinitionBody.from_chainable(MACHINES[name](stack))
    sfn.StateMachine(stack, "Machine", definition_body=body)
    template = app.synth().get_stack_by_name("Stack").template
    (machine,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    )
    return json.dumps(json.loads(_resolve(machine["DefinitionString"])), indent=2) + "\n"


def _resolve(value: Any) -> str:
    """Put together what CloudFormation would: there is nothing in it but the partition."""
    match value:
        case str():
            return value
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_resolve(part) for part in parts)
        case _:
            raise ValueError(f"a definition with {value} in it cannot be recorded")


def main() -> int:
    """Write or compare; 1 where a recording has drifted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    drifted = False
    for name in MACHINES:
        file, recorded = HERE / f"{name}.json", record(name)
        if not check:
            file.write_text(recorded)
        elif not file.exists() or file.read_text() != recorded:
            drifted = True
            sys.stderr.write(f"{file.name} is not what CDK makes: record it again\n")
    return int(drifted)


if __name__ == "__main__":
    sys.exit(main())

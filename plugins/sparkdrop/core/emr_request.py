"""What we ask of EMR: a job flow and a step on it, and where the parts of a batch lie.

Pure: dictionaries as boto3 takes them. A deterministic name and tags stand in for the client token that EMR's
API does not have; whoever submits looks for them first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkdrop.core.errors import BatchFailedError
from sparkdrop.core.program import place_program
from sparkdrop.core.spark_dependencies import HASH_CHARACTERS, add_dependencies, locate_dependencies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkdrop.core.compute import EmrEc2
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.pipeline import Pipeline
    from sparkdrop.core.program import ShippedProgram

MAX_STEP_CHARACTERS = 10_240
"""All strings of one HadoopJarStep together.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-work-with-steps.html
"""

_JAR = "command-runner.jar"
NAME_PREFIX = "sparkdrop "
TAG_PIPELINE = "sparkdrop:pipeline"
TAG_BATCH = "sparkdrop:batch_id"
# Two deployments in one account must not end each other's job flows: its value is the ledger's table, which
# no two have in common, and which the role's policy names as well.
TAG_DEPLOYMENT = "sparkdrop:deployment"
# EMR's managed policies let the service role touch only resources with this tag:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-managed-iam-policies.html
TAG_MANAGED = "for-use-with-amazon-emr-managed-policies"

# s3:// by S3A on every release that has it, so that EMR's magic commit protocol is the one in force: output
# shows up by completed multipart uploads, never by renames.
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark-magic-commit-protocol.html
_S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"
_CONFIGURATIONS: dict[str, dict[str, str]] = {
    "core-site": {"fs.s3.impl": _S3A, "fs.s3a.committer.magic.enabled": "true"},
    "spark-defaults": {
        "spark.hadoop.fs.s3.impl": _S3A,
        "spark.hadoop.fs.s3a.committer.magic.enabled": "true",
    },
}


@dataclass(frozen=True, slots=True)
class BatchPlaces:
    """Where the parts of one batch lie, each an ``s3://`` URI."""

    manifest: str
    report: str
    failure: str
    output: str
    rejects: str


def locate_batch(pipeline: Pipeline, deployment: Deployment, batch_id: str) -> BatchPlaces:
    """Say where a batch's manifest, report, failure, output and rejects lie."""
    batch = f"s3://{deployment.artifacts_bucket}/batches/{batch_id}"
    curated = f"s3://{deployment.curated_bucket}"
    return BatchPlaces(
        manifest=f"{batch}/manifest.json",
        report=f"{batch}/report.json",
        failure=f"{batch}/failure.json",
        output=f"{curated}/{pipeline.output.prefix}batch={batch_id}",
        rejects=f"{curated}/_rejects/{pipeline.name}/batch={batch_id}",
    )


def step_name(pipeline_name: str, batch_id: str) -> str:
    """Name a batch's step; the same for every retry, so that a step is found before a second one is made.

    Its cluster has the same name, whose last word is read back (`sparkdrop.aws.emr`).
    """
    return f"{NAME_PREFIX}{pipeline_name} {batch_id}"


def build_step(
    pipeline: Pipeline,
    batch_id: str,
    program: ShippedProgram,
    manifest_uri: str,
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Build the step of a batch: one ``spark-submit`` in cluster mode.

    Args:
        pipeline: Says how the program runs.
        batch_id: The batch.
        program: Where the program is.
        manifest_uri: Where the batch's manifest is.
        arguments: What an invocation adds to the program's arguments.

    Raises:
        BatchFailedError: Arguments and Spark settings are longer than EMR takes.
    """
    words = _build_submit(pipeline, program, manifest_uri, arguments)
    length = _measure(words)
    if length > MAX_STEP_CHARACTERS:
        message = (
            f"pipeline {pipeline.name!r}: the step's arguments are {length:,} characters, EMR takes "
            f"{MAX_STEP_CHARACTERS:,}; shorten job.arguments or job.spark, or put them into a file in S3"
        )
        raise BatchFailedError(message)
    return {
        "Name": step_name(pipeline.name, batch_id),
        # a failed step leaves the job flow to the teardown, which also sees to a shared one
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": _JAR, "Args": words},
    }


def _build_submit(
    pipeline: Pipeline, program: ShippedProgram, manifest_uri: str, added: Sequence[str] = ()
) -> list[str]:
    words = ["spark-submit", "--deploy-mode", "cluster"]
    settings = pipeline.job.spark
    if program.dependencies:
        settings = add_dependencies(settings, program.dependencies)
    for name, value in sorted(settings.items()):
        words += ["--conf", f"{name}={value}"]
    if program.py_files:
        words += ["--py-files", ",".join(program.py_files)]
    # the manifest last: of an option that is given twice, programs take the last value
    return [*words, program.uri, *pipeline.job.arguments, *added, "--manifest", manifest_uri]


def measure_argument_room(pipeline: Pipeline, artifacts_bucket: str) -> int:
    """Measure the characters that a step of this pipeline leaves to an invocation's arguments."""
    # ids and hashes have one length, whatever they are; parts and dependencies are reckoned in, whether there
    # are any or not
    manifest = f"s3://{artifacts_bucket}/batches/{'0' * 26}/manifest.json"
    dependencies = locate_dependencies(artifacts_bucket, "0" * HASH_CHARACTERS)
    program = place_program(pipeline, artifacts_bucket, "0" * 64, dependencies, has_parts=True)
    return max(0, MAX_STEP_CHARACTERS - _measure(_build_submit(pipeline, program, manifest)))


def _measure(words: Sequence[str]) -> int:
    return len(_JAR) + sum(map(len, words))


def build_job_flow(
    pipeline: Pipeline, deployment: Deployment, batch_bytes: int, batch_id: str
) -> dict[str, Any]:
    """Build RunJobFlow's arguments for one batch.

    The job flow stays up without steps, since the teardown terminates it; the auto-termination policy ends
    it where the teardown cannot. Nothing public is asked for: the subnet decides on addresses, the security
    groups are the deployment's or else EMR's own, and the account's "block public access" stays as it is.
    """
    compute = pipeline.compute
    instances: dict[str, Any] = {
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
        **_build_instances(compute, batch_bytes),
        **_build_security_groups(deployment),
    }
    if deployment.emr_subnet_id:
        # fleets take a list of subnets, groups take one
        several = compute.instance_fleets is not None
        instances |= (
            {"Ec2SubnetIds": [deployment.emr_subnet_id]}
            if several
            else {"Ec2SubnetId": deployment.emr_subnet_id}
        )
    security = deployment.emr_security_configuration
    return {
        "Name": step_name(pipeline.name, batch_id),
        "ReleaseLabel": compute.release,
        "Applications": [{"Name": "Spark"}],
        "LogUri": f"s3://{deployment.logs_bucket}/emr/",
        "ServiceRole": deployment.emr_service_role,
        "JobFlowRole": deployment.emr_instance_profile,
        **({"SecurityConfiguration": security} if security else {}),
        "Instances": instances,
        "StepConcurrencyLevel": 1,
        "AutoTerminationPolicy": {"IdleTimeout": int(compute.idle_timeout.total_seconds())},
        "Configurations": _build_configurations(compute),
        "VisibleToAllUsers": True,
        "Tags": build_tags(pipeline, deployment, batch_id),
    }


def build_tags(pipeline: Pipeline, deployment: Deployment, batch_id: str) -> list[dict[str, str]]:
    """Build the tags by which a batch's job flow is found again, and reaped when nobody needs it."""
    tags = {
        TAG_PIPELINE: pipeline.name,
        TAG_BATCH: batch_id,
        TAG_DEPLOYMENT: deployment.ledger_table,
        TAG_MANAGED: "true",
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _build_instances(compute: EmrEc2, batch_bytes: int) -> dict[str, Any]:
    if compute.instance_groups is not None:
        return {"InstanceGroups": _dump(compute.instance_groups)}
    if compute.instance_fleets is not None:
        return {"InstanceFleets": _dump(compute.instance_fleets)}
    kind = {"InstanceType": compute.instance_type, "Market": "ON_DEMAND"}
    return {
        "InstanceGroups": [
            {"Name": "primary", "InstanceRole": "MASTER", "InstanceCount": 1, **kind},
            {
                "Name": "core",
                "InstanceRole": "CORE",
                "InstanceCount": compute.core_nodes.count_for(batch_bytes),
                **kind,
            },
        ]
    }


def _build_security_groups(deployment: Deployment) -> dict[str, str]:
    """Name the groups that EMR keeps the nodes' rules in; none at all lets EMR make its own."""
    groups = {
        "EmrManagedMasterSecurityGroup": deployment.emr_primary_security_group,
        "EmrManagedSlaveSecurityGroup": deployment.emr_core_security_group,
        "ServiceAccessSecurityGroup": deployment.emr_service_access_security_group,
    }
    return {key: group for key, group in groups.items() if group}


def _build_configurations(compute: EmrEc2) -> list[dict[str, Any]]:
    """Lay the pipeline's own settings over ours, classification by classification."""
    ours = {
        name: {"Classification": name, "Properties": dict(found)} for name, found in _CONFIGURATIONS.items()
    }
    merged: dict[str, dict[str, Any]] = ours
    for given in _dump(compute.configurations):
        base = merged.setdefault(given["Classification"], {"Classification": given["Classification"]})
        base["Properties"] = {**base.get("Properties", {}), **given["Properties"]}
        if given.get("Configurations"):
            base["Configurations"] = [*base.get("Configurations", []), *given["Configurations"]]
    return list(merged.values())


def _dump(models: Sequence[Any]) -> list[dict[str, Any]]:
    return [model.model_dump(mode="json", by_alias=True, exclude_none=True) for model in models]

"""What a step runs as: its task for a process, with EMR's places of logs."""

import shlex

from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.jobs.commands import parse_command
from sparkdrop_local.emr.jobs.logs import NAMES
from sparkdrop_local.emr.jobs.task import JobTask

_RUNNER = "hadoop jar /var/lib/aws/emr/step-runner/hadoop-jars"


def build_task(cluster: Cluster, step: Step) -> JobTask:
    """Build a step's task.

    Logs: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
    """
    config = step.config
    words = [str(config["Jar"]).rsplit("/", 1)[-1], *map(str, config.get("Args") or ())]
    prefix = f"{cluster.log_uri}{cluster.id}/steps/{step.id}/" if cluster.log_uri else None
    return JobTask(
        folder=f"{cluster.id}/{step.id}",
        names=(step.name, step.id, cluster.name, cluster.id),
        line=f"{_RUNNER}/{shlex.join(words)}",
        build_command=lambda: parse_command(config),
        log_uris={name: f"{prefix}{name}.gz" for name in NAMES} if prefix else {},
        configurations=tuple(cluster.configurations),
        environment={"EMR_CLUSTER_ID": cluster.id, "EMR_STEP_ID": step.id},
    )

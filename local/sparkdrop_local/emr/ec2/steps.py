"""What a step runs as: its task for a process, with EMR's places of logs."""

import shlex
import zlib

from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.jobs.commands import parse_command
from sparkdrop_local.emr.jobs.logs import NAMES
from sparkdrop_local.emr.jobs.task import JobTask
from sparkdrop_local.emr.jobs.yarn import application_id, container_uris

# Where EMR has its own JARs, and where it brings those of others.
_OWN_JARS = "/var/lib/aws/emr/step-runner/hadoop-jars"
_STEPS = "/mnt/var/lib/hadoop/steps"


def build_task(cluster: Cluster, step: Step) -> JobTask:
    """Build a step's task.

    Where the logs go, those of the driver's container included:
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
    """
    config = step.config
    application = application_id(_resource_manager_start(cluster), list(cluster.steps).index(step.id) + 1)
    return JobTask(
        folder=f"{cluster.id}/{step.id}",
        names=(step.name, step.id, cluster.name, cluster.id),
        line=_command_line(step),
        build_command=lambda: parse_command(config),
        log_uris=_log_uris(f"{cluster.log_uri}{cluster.id}/", step, application) if cluster.log_uri else {},
        configurations=tuple(cluster.configurations),
        environment={"EMR_CLUSTER_ID": cluster.id, "EMR_STEP_ID": step.id},
        application_id=application,
    )


def _resource_manager_start(cluster: Cluster) -> float:
    """Say when its ResourceManager started: no two do at once, even where the clock stands still."""
    return cluster.timeline.created + zlib.crc32(cluster.id.encode()) % 1_000_000 / 1_000


def _command_line(step: Step) -> str:
    """Word a step's command as the controller's log does."""
    jar = str(step.config["Jar"]).rsplit("/", 1)[-1]
    folder = _OWN_JARS if jar == "command-runner.jar" else f"{_STEPS}/{step.id}"
    main_class = step.config.get("MainClass")
    words = (*((main_class,) if main_class else ()), *map(str, step.config.get("Args") or ()))
    return f"hadoop jar {shlex.join((f'{folder}/{jar}', *words))}"


def _log_uris(folder: str, step: Step, application: str) -> dict[str, str]:
    steps = {name: f"{folder}steps/{step.id}/{name}.gz" for name in NAMES}
    return {**steps, **container_uris(folder, application)}

"""Bootstrap actions: what each runs as, and how EMR words that one failed.

On EMR every instance runs them. Here all instances are one machine, so that each runs once, for the primary
node. https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.words import ClusterState, Ending
from sparkdrop_local.emr.jobs.commands import Command, PlainCommand, Script
from sparkdrop_local.emr.jobs.task import JobTask, Outcome
from sparkdrop_local.emr.storage import is_s3_uri

_LOGS = ("controller", "stdout", "stderr")
_FILE_SCHEME = "file://"
_DOCS = "https://docs.aws.amazon.com/emr/latest/ManagementGuide/"


def list_actions(cluster: Cluster) -> Sequence[Mapping[str, Any]]:
    """List a cluster's BootstrapActionConfigs in the order in which they run."""
    return cluster.request.get("BootstrapActions") or ()


def build_action_task(cluster: Cluster, index: int) -> JobTask:
    """Build the task of a bootstrap action; its logs are numbered from 1.

    Logs: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
    """
    action, number = list_actions(cluster)[index], index + 1
    script = action["ScriptBootstrapAction"]
    path, arguments = str(script["Path"]), tuple(map(str, script.get("Args") or ()))
    place = f"node/{_instance_of(cluster)}/bootstrap-actions/{number}"
    prefix = f"{cluster.log_uri}{cluster.id}/{place}/" if cluster.log_uri else None
    return JobTask(
        folder=f"{cluster.id}/bootstrap-actions/{number}",
        names=(action["Name"], cluster.name, cluster.id),
        line=shlex.join([path, *arguments]),
        build_command=lambda: _build_command(path, arguments),
        log_uris={name: f"{prefix}{name}.gz" for name in _LOGS} if prefix else {},
        configurations=tuple(cluster.configurations),
        environment={"EMR_CLUSTER_ID": cluster.id},
    )


def fail(cluster: Cluster, index: int, outcome: Outcome) -> Ending:
    """Word the end of a cluster whose bootstrap action failed, and keep its ErrorDetails.

    Codes and data: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-troubleshoot-error-errordetail.html
    """
    instance, number = _instance_of(cluster), index + 1
    path = str(list_actions(cluster)[index]["ScriptBootstrapAction"]["Path"])
    if outcome.exit_code is None and is_s3_uri(path):
        code, wording = "BOOTSTRAP_FAILURE_BA_DOWNLOAD_FAILED_PRIMARY", words.ACTION_NOT_FETCHED
    elif outcome.exit_code is None:
        code, wording = "BOOTSTRAP_FAILURE_FILE_NOT_FOUND_PRIMARY", words.ACTION_FAILED
    else:
        code, wording = "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE", words.ACTION_FAILED
    message = wording.format(instance=instance, number=number)
    data = {"primary-instance-id": instance, "bootstrap-action": str(number), "amazon-s3-path": path}
    if outcome.exit_code is not None:
        data["return-code"] = str(outcome.exit_code)
    data["public-doc"] = f"{_DOCS}{code}.html"
    cluster.error_details = [{"ErrorCode": code, "ErrorData": [data], "ErrorMessage": message}]
    return Ending(words.BOOTSTRAP_FAILURE, message, ClusterState.TERMINATED_WITH_ERRORS)


def _instance_of(cluster: Cluster) -> str:
    return cluster.master.ec2_id if cluster.master else ""


def _build_command(path: str, arguments: tuple[str, ...]) -> Command:
    if is_s3_uri(path):
        return Script(path, arguments)
    return PlainCommand((path.removeprefix(_FILE_SCHEME), *arguments))

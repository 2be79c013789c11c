"""What YARN does about a submission in cluster mode, played on one machine.

In cluster mode the driver runs in a container: its output is the container's, and the step's own stderr has
what YARN's client reports, with the application's id. In client mode the driver runs in the step itself: its
output is the step's, and no container's logs are kept, for there is no executor apart from the driver.
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

# The container's logs among a job's, by what they are called there.
CONTAINER_STDOUT = "container-stdout"
CONTAINER_STDERR = "container-stderr"

# YARN's client: starts the driver, says what org.apache.spark.deploy.yarn.Client says, and fails as it does.
# The words of a failed attempt are the ResourceManager's; they carry the end of the container's stderr.
_CLIENT = r"""#!/bin/sh
application=$1 container=$2 stdout=$3 stderr=$4
shift 4
trap 'exit 143' TERM  # there is no driver yet that could put anything away
attempt=appattempt_${application#application_}_000001
started=$(date +%s)000

log() { printf '%s %s %s\n' "$(date '+%y/%m/%d %H:%M:%S')" "$1" "$2" >&2; }
report() {
  log INFO "Client: Application report for $application (state: $1)"
  log INFO "Client: "
  printf '\t client token: N/A\n\t diagnostics: %s\n\t ApplicationMaster host: %s\n' "$3" "$4" >&2
  printf '\t ApplicationMaster RPC port: %s\n\t queue: default\n\t start time: %s\n' "$5" "$started" >&2
  printf '\t final status: %s\n\t tracking URL: N/A\n\t user: hadoop\n' "$2" >&2
}

log INFO "Client: Submitting application $application to ResourceManager"
log INFO "YarnClientImpl: Submitted application $application"
report ACCEPTED UNDEFINED "AM container is launched, waiting for AM container to Register with RM" N/A -1
report RUNNING UNDEFINED N/A 127.0.0.1 0
trap : TERM  # the driver gets it too; its end is awaited
"$@" >>"$stdout" 2>>"$stderr"
code=$?
if [ $code -eq 0 ]; then
  report FINISHED SUCCEEDED N/A 127.0.0.1 0
  exit 0
fi
diagnostics="Application $application failed 1 times (global limit =2; local limit is =1) due to AM Container\
 for $attempt exited with  exitCode: $code
Failing this attempt.Diagnostics: Exception from container-launch.
Container id: $container
Exit code: $code

Container exited with a non-zero exit code $code. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
Last 4096 bytes of stderr :
$(tail -c 4096 "$stderr")

. Failing the application."
report FAILED FAILED "$diagnostics" N/A -1
log ERROR "Client: Application diagnostics message: $diagnostics"
echo "Exception in thread \"main\" org.apache.spark.SparkException:\
 Application $application finished with failed status" >&2
printf '\tat org.apache.spark.deploy.yarn.Client.run(Client.scala)\n' >&2
exit 1
"""


def application_id(started: float, number: int) -> str:
    """Name an application: when the ResourceManager started, in seconds since 1970, and a number from 1."""
    return f"application_{round(started * 1000)}_{number:04d}"


def container_id(application: str) -> str:
    """Name the container of an application's driver: the first of its first attempt."""
    return f"container_{application.removeprefix('application_')}_01_000001"


def container_uris(cluster_uri: str, application: str) -> Mapping[str, str]:
    """Say where the driver's logs go under a cluster's folder, by what they are called among the job's."""
    folder = f"{cluster_uri}containers/{application}/{container_id(application)}"
    return {CONTAINER_STDOUT: f"{folder}/stdout.gz", CONTAINER_STDERR: f"{folder}/stderr.gz"}


def submit_to_container(
    arguments: Sequence[str], application: str, *, work: Path, stdout: Path, stderr: Path
) -> list[str]:
    """Build the command line of YARN's client around a driver's.

    Args:
        arguments: the driver's command line.
        application: its id.
        work: where the client's script is put.
        stdout: the file of the container's stdout.
        stderr: the file of the container's stderr.
    """
    client = work / "yarn-client"
    client.write_text(_CLIENT, encoding="utf-8")
    return [
        "/bin/sh",
        str(client),
        application,
        container_id(application),
        str(stdout),
        str(stderr),
        *arguments,
    ]

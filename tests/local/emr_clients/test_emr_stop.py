"""The emulation is told to end while steps run."""

from tests.local.emr_clients.server import run_server
from tests.local.emr_clients.waiting import wait_for_step

MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
SLEEP = {"Name": "sleep", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["sleep", "600"]}}


def test_what_runs_at_the_end_still_reaches_its_s3_and_its_events(tmp_path):
    with run_server(tmp_path) as server:
        server.make_client("s3").create_bucket(Bucket="logs")
        emr = server.make_client("emr")
        instances = {"InstanceGroups": [MASTER], "KeepJobFlowAliveWhenNoSteps": True}
        cluster = emr.run_job_flow(
            Name="c",
            ReleaseLabel="emr-spark-8.0.0",
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
            LogUri="s3://logs/",
            Instances=instances,
            Steps=[SLEEP],
        )["JobFlowId"]
        (step,) = emr.list_steps(ClusterId=cluster)["Steps"]
        wait_for_step(emr, cluster, step["Id"], "RUNNING")

    # an endpoint that went first costs a warning for each log, and half a minute each
    log = (tmp_path / "aws.log").read_text()
    assert "ready on" in log
    assert [line for line in log.splitlines() if "ERROR" in line or "WARNING" in line] == []

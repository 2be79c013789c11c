"""What the tests of boto3 ask of EMR and EMR Serverless."""

from typing import Any

MASTER = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
ROLE = "arn:aws:iam::123456789012:role/job"


def command(*arguments: str, action: str = "CONTINUE") -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": list(arguments)}
    return {"Name": "step", "ActionOnFailure": action, "HadoopJarStep": jar_step}


def run_cluster(emr: Any, *steps: dict[str, Any], keep_alive: bool = True, **more: Any) -> str:
    instances = more.pop("instances", {"InstanceGroups": [MASTER]})
    return str(
        emr.run_job_flow(
            Name="boto3",
            ReleaseLabel="emr-spark-8.0.0",
            JobFlowRole="EMR_EC2_DefaultRole",
            ServiceRole="EMR_DefaultRole",
            Instances={**instances, "KeepJobFlowAliveWhenNoSteps": keep_alive},
            Steps=list(steps),
            **more,
        )["JobFlowId"]
    )


def start_job_run(serverless: Any, application: str, program: str) -> str:
    return str(
        serverless.start_job_run(
            applicationId=application,
            executionRoleArn=ROLE,
            jobDriver={"sparkSubmit": {"entryPoint": program}},
        )["jobRunId"]
    )

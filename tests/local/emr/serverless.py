"""An EMR Serverless for tests whose runs are bash: its Spark is a script."""

import gzip

import pytest
from botocore.exceptions import ClientError

from tests.local.emr.fake_spark import make_fake_spark

RELEASE = "emr-7.13.0"
ROLE = "arn:aws:iam::123456789012:role/job"
ONE_WORKER = "--conf spark.driver.cores=1 --conf spark.executor.cores=1 --num-executors 1"


class Serverless:
    """A local EMR with a Spark that is a script, its clock standing still."""

    def __init__(self, emr):
        self.emr = emr
        self.client = emr.make_client("emr-serverless")

    def create(self, **more):
        return self.client.create_application(**{"releaseLabel": RELEASE, "type": "SPARK", **more})[
            "applicationId"
        ]

    def start(self, application, script, *arguments, parameters=None, **more):
        """Start a job run of a script."""
        name = f"{abs(hash(script))}.sh"
        self.emr.s3.put_object(Bucket="code", Key=name, Body=script.encode())
        submit = {"entryPoint": f"s3://code/{name}", "entryPointArguments": list(arguments)}
        if parameters:
            submit["sparkSubmitParameters"] = parameters
        request = {
            "applicationId": application,
            "executionRoleArn": ROLE,
            "jobDriver": {"sparkSubmit": submit},
            **more,
        }
        return self.client.start_job_run(**request)["jobRunId"]

    def application(self, application):
        return self.client.get_application(applicationId=application)["application"]

    def run(self, application, run, **more):
        return self.client.get_job_run(applicationId=application, jobRunId=run, **more)["jobRun"]

    def state(self, application, run):
        return self.run(application, run)["state"]

    def wait(self, application, run, *states):
        self.emr.until(lambda: self.state(application, run) in states)
        return self.run(application, run)

    def cancel(self, application, run, **more):
        self.client.cancel_job_run(applicationId=application, jobRunId=run, **more)

    def log(self, key):
        return gzip.decompress(self.emr.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()

    def close(self):
        self.client.close()
        self.emr.close()


def make(make_emr, folder, **settings):
    spark = make_fake_spark(folder)
    return Serverless(
        make_emr(scratch_dir=folder / "emr", spark=spark, clock_rate=0, stop_grace_seconds=0.5, **settings)
    )


def refuse(call, **parameters):
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]

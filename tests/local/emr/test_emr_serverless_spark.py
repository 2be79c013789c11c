"""One PySpark program, on a real Spark, through a job run of EMR Serverless: S3A, settings, files, logs."""

import gzip
import os
from pathlib import Path

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.spark import prepare
from sparkdrop_local.spark_jars import CACHE_VARIABLE

PROGRAM = b"""
import os
import sys
from helper import ROWS
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.range(ROWS).write.parquet(sys.argv[1])
keys = ("spark.test.application", "spark.test.overrides", "spark.test.parameters", "spark.app.name")
print(spark.read.parquet(sys.argv[1]).count(), *(spark.conf.get(key) for key in keys), os.environ["CITY"])
"""
DEFAULTS = "spark-defaults"


def configure(**properties):
    named = {f"spark.test.{name}": value for name, value in properties.items()}
    return [{"classification": DEFAULTS, "properties": named}]


def test_a_job_run_runs_pyspark_with_its_settings(make_emr, repo_root, tmp_path):
    cache = Path(os.environ.get(CACHE_VARIABLE) or repo_root / ".cache" / "spark-jars")
    emr = make_emr(
        scratch_dir=tmp_path, spark=prepare(cache, train=False), delays=NO_DELAYS, stop_grace_seconds=2
    )
    client = emr.make_client("emr-serverless")
    try:
        emr.s3.put_object(Bucket="code", Key="etl/program.py", Body=PROGRAM)
        emr.s3.put_object(Bucket="code", Key="etl/helper.py", Body=b"ROWS = 42\n")
        application = client.create_application(
            releaseLabel="emr-spark-8.0.0",
            type="SPARK",
            runtimeConfiguration=configure(application="app", overrides="app", parameters="app"),
        )["applicationId"]
        emr.until(
            lambda: client.get_application(applicationId=application)["application"]["state"] == "CREATED"
        )
        run = client.start_job_run(
            applicationId=application,
            executionRoleArn="arn:aws:iam::123456789012:role/job",
            jobDriver={
                "sparkSubmit": {
                    "entryPoint": "s3://code/etl/program.py",
                    "entryPointArguments": ["s3://logs/rows"],
                    "sparkSubmitParameters": (
                        "--py-files s3://code/etl/helper.py --name 'my etl' "
                        "--conf spark.test.parameters=parameters --conf spark.executor.cores=2 "
                        "--conf spark.emr-serverless.driverEnv.CITY=Oslo"
                    ),
                }
            },
            configurationOverrides={
                "applicationConfiguration": configure(overrides="run", parameters="run"),
                "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/serverless"}},
            },
        )["jobRunId"]

        def read():
            return client.get_job_run(applicationId=application, jobRunId=run)["jobRun"]

        emr.until(lambda: read()["state"] in ("SUCCESS", "FAILED"))
        found = read()
        assert found["state"] == "SUCCESS", found["stateDetails"]
        assert found["totalResourceUtilization"]["vCPUHour"] > 0
        key = f"serverless/applications/{application}/jobs/{run}/SPARK_DRIVER/stdout.gz"
        stdout = gzip.decompress(emr.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()
        assert stdout == "42 app run parameters my etl Oslo\n"
        assert emr.s3.head_object(Bucket="logs", Key="rows/_SUCCESS")["ContentLength"] > 0
    finally:
        client.close()
        emr.close()

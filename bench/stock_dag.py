"""The DAG that people write for files that land in S3, of the amazon provider's operators alone.

It is put together from the provider's own guides
(https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/operators/s3/s3.html and
https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/operators/emr/emr.html), and is given
better settings than they show: the sensor is deferrable and looks every 5 s (60 s by default), the step's end
is looked for every second (30 s by default), and a new run waits as soon as the last one has ended.
"""

import os
from datetime import UTC, datetime

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG

JOB_FLOW = {
    "Name": "stock",
    "ReleaseLabel": "emr-spark-8.0.0",
    "Applications": [{"Name": "Spark"}],
    "Instances": {
        "InstanceGroups": [
            {"Name": "Primary", "InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
        ],
        "KeepJobFlowAliveWhenNoSteps": True,
        "TerminationProtected": False,
    },
    "JobFlowRole": os.environ["SPARKDROP_EMR_INSTANCE_PROFILE"],
    "ServiceRole": os.environ["SPARKDROP_EMR_SERVICE_ROLE"],
}
STEP = {
    "Name": "nothing",
    "ActionOnFailure": "CONTINUE",
    "HadoopJarStep": {
        "Jar": "command-runner.jar",
        "Args": [
            "spark-submit",
            "--deploy-mode",
            "cluster",
            f"s3://{os.environ['SPARKDROP_ARTIFACTS_BUCKET']}/bench/nothing.py",
        ],
    },
}
JOB_FLOW_ID = "{{ ti.xcom_pull(task_ids='create_job_flow') }}"

with DAG(
    "stock",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
):
    wait = S3KeySensor(
        task_id="wait_for_file",
        bucket_name=os.environ["SPARKDROP_UPLOADS_BUCKET"],
        bucket_key="stock/*.csv",
        wildcard_match=True,
        deferrable=True,
        poke_interval=5,
    )
    create = EmrCreateJobFlowOperator(task_id="create_job_flow", job_flow_overrides=JOB_FLOW)
    add = EmrAddStepsOperator(
        task_id="add_step",
        job_flow_id=JOB_FLOW_ID,
        steps=[STEP],
        wait_for_completion=True,
        deferrable=True,
        waiter_delay=1,
    )
    terminate = EmrTerminateJobFlowOperator(
        task_id="terminate_job_flow", job_flow_id=JOB_FLOW_ID, trigger_rule="all_done"
    )
    wait >> create >> add >> terminate

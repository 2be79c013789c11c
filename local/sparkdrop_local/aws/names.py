"""What the emulation's account is called."""

from __future__ import annotations

REGION = "us-east-1"
# moto takes any; these say in a log where a request belongs
ACCESS_KEY_ID = "sparkdrop-local"
SECRET_ACCESS_KEY = "sparkdrop-local"  # noqa: S105 - a secret of nothing
ACCOUNT_ID = "123456789012"
# How a client of the emulation has to be set up, its endpoint aside.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
# Who asks, as the trail of calls tells it: CloudFormation for a stack, Airflow's processes, steps' programs,
# the API's functions.
CLOUDFORMATION_KEY_ID = "sparkdrop-cloudformation"
AIRFLOW_KEY_ID = "sparkdrop-airflow"
JOB_KEY_ID = "sparkdrop-emr-job"
API_KEY_ID = "sparkdrop-api"

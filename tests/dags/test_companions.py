"""The wait for companions, in every kind of run."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import TaskDeferred

from sparkdrop.orchestration.arrival_sensor import CompanionSensor

from .conftest import make_context

KEY = "s3://sd-uploads/planes/{{ ds }}/{{ ts_nodash }}/{{ data_interval_end.day }}/_SUCCESS"


def make_sensor(key=KEY):
    return CompanionSensor(task_id="wait_for_keys", bucket_key=[key], deferrable=True, aws_conn_id=None)


def put(services, key):
    services.storage.client.put_object(Bucket="sd-uploads", Key=key, Body=b"")


@pytest.mark.parametrize("logical_date", [None, datetime(2026, 2, 27, 6, tzinfo=UTC)])
def test_every_run_has_the_dates_of_its_templates(services, logical_date):
    context = make_context("manual__1")
    folder = "2026-03-01/20260301T120000/1"
    if logical_date:
        dates = {"ds": "2026-02-27", "ts_nodash": "20260227T060000"}
        context |= {"logical_date": logical_date, "data_interval_end": SimpleNamespace(day=27), **dates}
        folder = "2026-02-27/20260227T060000/27"
    with pytest.raises(TaskDeferred) as deferred:
        make_sensor().execute(context)
    key = f"planes/{folder}/_SUCCESS"
    assert deferred.value.trigger.bucket_key == [f"s3://sd-uploads/{key}"]
    put(services, key)
    make_sensor().execute(context)


def test_airflow_renders_nothing_of_it_beforehand():
    assert "bucket_key" not in CompanionSensor.template_fields


@pytest.mark.usefixtures("services")
def test_a_run_whose_form_names_its_files_renders_and_waits_for_nothing():
    make_sensor("s3://sd-uploads/{{ nobody_knows.this }}").execute(make_context(keys=["flights/1.csv"]))

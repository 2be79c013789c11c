"""Every DAG that ships keeps the house rules, and has the shape that its pipeline file asks for."""

from datetime import timedelta

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Asset, AssetOrTimeSchedule

from sparkdrop.configs import load_configs
from sparkdrop.core.deployment import Deployment
from sparkdrop.orchestration.dag_factory import build_dags
from sparkdrop.orchestration.maintenance import build_maintenance_dags
from sparkdrop.orchestration.services import get_deployment

from .conftest import ROOT, make_pipeline

PIPELINES = {"airports", "flights", "planes_daily", "weather"}
SHIPPED = PIPELINES | {"airports.arrivals", "maintenance", "reconcile"}


@pytest.fixture
def bag(environment):  # noqa: ARG001 - it has to be there first
    return DagBag(str(ROOT / "dags"))


def test_every_file_parses(bag):
    assert bag.import_errors == {}, "a DAG file cannot be read: run `sparkdrop pipelines validate`"
    assert set(bag.dags) == SHIPPED


def test_every_dag_keeps_the_house_rules(bag):
    found = []
    for name, dag in bag.dags.items():
        rules = {
            "has no owner: set `owner` in its pipeline file": all(
                task.owner and task.owner != "airflow" for task in dag.tasks
            ),
            "has no tag 'sparkdrop': pass it to the DAG": "sparkdrop" in dag.tags,
            "has a task without retries: set them in default_args": all(task.retries for task in dag.tasks),
            "would catch up on the past: set catchup=False": dag.catchup is False,
            "runs beside itself: set max_active_runs": dag.max_active_runs
            <= (2 if dag.has_task("wait_for_keys") else 1),
            "has no description: set `description` in its pipeline file": bool(dag.description),
            "has no page for people: set doc_md": bool(dag.doc_md),
            "waits too long between two tries: set retry_delay": all(
                task.retry_delay <= timedelta(minutes=1) for task in dag.tasks
            ),
        }
        found += [f"{name} {rule}" for rule, is_kept in rules.items() if not is_kept]
    assert found == []


def test_a_bad_pipeline_file_is_an_import_error_of_its_own(config_dir):
    (config_dir / "good.yaml").write_text('arrival: {keys: ["good/*.csv"]}\n')
    (config_dir / "bad.yaml").write_text("arrival: {keyz: [x]}\n")
    bag = DagBag(str(ROOT / "dags"))
    assert set(bag.dags) == {"good", "maintenance", "reconcile"}
    ((file, text),) = bag.import_errors.items()
    assert file.endswith("config_errors.py")
    assert "bad.yaml" in text
    assert "keyz" in text


def edges(dag):
    return {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}


def build(deployment, **settings):
    (dag,) = build_dags(make_pipeline(**settings), deployment)
    return dag


@pytest.fixture
def deployment(environment) -> Deployment:  # noqa: ARG001 - it has to be there first
    return get_deployment()


TAIL = {
    "create_job_flow": ["add_step", "terminate_job_flow"],
    "add_step": ["publish", "terminate_job_flow"],
    "publish": [],
    "terminate_job_flow": [],
}


def test_events_claim_first(deployment):
    dag = build(deployment)
    assert edges(dag) == {"claim_batch": ["create_job_flow", "publish"], **TAIL}
    assert dag.get_task("terminate_job_flow").is_teardown
    assert dag.get_task("create_job_flow").is_setup
    assert dag.get_task("publish").trigger_rule == "none_skipped"
    (asset,) = dag.timetable.asset_condition.objects
    assert asset.uri == "sparkdrop://inbox/flights"
    assert [watcher.name for watcher in asset.watchers] == ["flights_arrivals"]


def test_companions_are_waited_for_after_the_claim(deployment):
    dag = build(deployment, wait_for=["reference/airlines.csv", "s3://other/x"])
    assert edges(dag) == {
        "claim_batch": ["publish", "wait_for_keys"],
        "wait_for_keys": ["create_job_flow"],
        **TAIL,
    }
    sensor = dag.get_task("wait_for_keys")
    assert sensor.bucket_key == ["s3://sd-uploads/reference/airlines.csv", "s3://other/x"]
    assert sensor.deferrable
    assert not sensor.soft_fail


def test_a_person_passes_companions_by(deployment):
    sensor = build(deployment, wait_for=["reference/airlines.csv"]).get_task("wait_for_keys")
    context = {"params": {"keys": [], "prefix": "flights/2013-"}}
    sensor.execute(context)  # without a look at S3, which is not there


def test_a_schedule_waits_before_it_claims(deployment):
    arrival = {"mode": "none", "keys": ["planes/*.csv"]}
    dag = build(
        deployment, name="planes", arrival=arrival, schedule="@daily", wait_for=["planes/{{ ds }}/ok"]
    )
    assert edges(dag) == {
        "wait_for_keys": ["claim_batch"],
        "claim_batch": ["create_job_flow", "publish"],
        **TAIL,
    }
    assert isinstance(dag.schedule, AssetOrTimeSchedule)
    assert dag.get_task("wait_for_keys").soft_fail


def test_the_reaper_comes_after_the_sweep_however_that_ended(deployment):
    maintenance, _ = build_maintenance_dags(deployment)
    assert edges(maintenance) == {"sweep": ["attended", "reap"], "reap": ["attended"], "attended": []}
    rules = {task.task_id: task.trigger_rule for task in maintenance.tasks}
    assert rules == {"sweep": "all_success", "reap": "all_done", "attended": "all_success"}


def test_a_sensor_looks_in_a_dag_of_its_own_and_wakes_the_other(deployment):
    arrival = {
        "mode": "sensor",
        "keys": ["airports/*.csv"],
        "bucket": "partner-exports",
        "poll_interval": "9s",
    }
    dag, watching = build_dags(make_pipeline(name="airports", arrival=arrival), deployment)
    assert edges(dag) == {"claim_batch": ["create_job_flow", "publish"], **TAIL}
    assert edges(watching) == {"wait_for_arrival": []}
    sensor = watching.get_task("wait_for_arrival")
    assert (sensor.bucket, sensor.bucket_key, sensor.poke_interval) == (
        "partner-exports",
        ["airports/*.csv"],
        9,
    )
    assert sensor.soft_fail
    assert watching.schedule == "@continuous"
    (inbox,) = dag.timetable.asset_condition.objects
    (outlet,) = sensor.outlets
    assert (outlet.name, outlet.uri) == (inbox.name, inbox.uri)
    triggers = [watcher.trigger.serialize() for asset in (inbox, outlet) for watcher in asset.watchers]
    assert [arguments for _, arguments in triggers] == [
        {"pipeline": "airports", "invoked_only": True},  # what lands is the sensor's to find
        {"pipeline": "airports", "invoked_only": True},
    ]


def test_a_job_flow_that_is_reused_is_neither_created_nor_terminated(deployment):
    dag = build(deployment, compute={"reuse": "j-2AXXXXXXGAPLF"})
    assert edges(dag) == {"claim_batch": ["add_step", "publish"], "add_step": ["publish"], "publish": []}
    assert dag.get_task("add_step").job_flow_id == "j-2AXXXXXXGAPLF"


def test_the_output_is_an_asset_that_others_can_follow(deployment):
    (outlet,) = build(deployment).get_task("publish").outlets
    assert outlet == Asset(name="flights_output", uri="s3://sd-curated/flights/")


def test_every_shipped_pipeline_has_its_dag(deployment):
    loaded = load_configs(deployment.config_dir, jobs_dir=deployment.jobs_dir)
    assert set(loaded.pipelines) == PIPELINES

"""The ways in: drops, a burst, a sensor, a schedule, a hand."""

import json

import pytest

from tests.e2e.system import System, read_data, run_sparkdrop, wait_for

pytestmark = pytest.mark.e2e
HEADER = "name,age,city\n"


def test_a_drop_becomes_parquet_with_every_fact_on_record(system: System) -> None:
    version = system.drop("people/drop/one.csv", HEADER + "Ada,36,London\nGrace,85,Arlington\nX,old,Y\n")

    upload = system.wait_for_end("people/drop/one.csv", version)

    assert upload["state"] == "SUCCEEDED", upload
    assert (upload["rows_in"], upload["rows_out"], upload["rows_rejected"]) == (3, 2, 1)
    assert upload["pipeline"] == "people"
    assert upload["run_id"].startswith("asset_triggered__")
    assert upload["job_flow_id"].startswith("j-")
    assert upload["step_id"].startswith("s-")
    batch = f"people/batch={upload['batch_id']}"
    assert upload["output"] == f"s3://{system['CURATED_BUCKET']}/{batch}"
    rows = [row for row in system.read_rows(f"{batch}/") if row["_source_key"] == "people/drop/one.csv"]
    assert [(row["name"], row["age"], row["city"]) for row in rows] == [
        ("Ada", 36, "London"),
        ("Grace", 85, "Arlington"),
    ]
    assert {row["_batch_id"] for row in rows} == {upload["batch_id"]}
    shown = run_sparkdrop("uploads", "show", upload["upload_id"], "--json", env=system.client_environment)
    known = json.loads(shown.stdout)
    assert [move["state"] for move in known.pop("history")] == ["CLAIMED", "SUCCEEDED"]
    assert known == upload
    rejects = system.read_rejects(f"_rejects/people/batch={upload['batch_id']}/")
    (reject,) = [row for row in rejects if row["_source_key"] == "people/drop/one.csv"]
    assert reject["reason"]


def test_the_cluster_of_a_batch_does_not_outlive_it(system: System) -> None:
    version = system.drop("people/cluster/one.csv", HEADER + "Ada,36,London\n")
    upload = system.wait_for_end("people/cluster/one.csv", version)

    def ended() -> bool:
        cluster = system.client("emr").describe_cluster(ClusterId=upload["job_flow_id"])["Cluster"]
        return cluster["Status"]["State"].startswith("TERMINATED")

    wait_for("end of the cluster", ended, seconds=60)


def test_twenty_files_at_once_are_all_processed_without_a_twenty_first(system: System) -> None:
    keys = [f"people/twenty/{number:02d}.csv" for number in range(20)]
    versions = [system.drop(key, f"{HEADER}P{number},{number},Q\n") for number, key in enumerate(keys)]

    uploads = system.wait_for_ends(zip(keys, versions, strict=True), seconds=240)

    assert {upload["state"] for upload in uploads} == {"SUCCEEDED"}
    rows = [row for row in system.read_rows("people/") if row["_source_key"].startswith("people/twenty/")]
    assert sorted(row["age"] for row in rows) == list(range(20))
    assert len({upload["batch_id"] for upload in uploads}) < 20, "many files are few batches"


def test_a_sensor_takes_each_file_of_a_bucket_without_events_once(system: System) -> None:
    system.drop("daily/a.csv", "x,y\n1,2\n", bucket="partner-exports")
    first = wait_for("end of daily/a.csv", lambda: _ended(system, "daily/a.csv"))
    system.drop("daily/b.csv", "x,y\n3,4\n", bucket="partner-exports")
    second = wait_for("end of daily/b.csv", lambda: _ended(system, "daily/b.csv"))

    assert (first["state"], second["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert first["batch_id"] != second["batch_id"]
    rows = system.read_rows("partner/")
    assert sorted((row["x"], row["y"]) for row in rows) == [(1, 2), (3, 4)]


def _ended(system: System, key: str) -> dict[str, str] | None:
    upload = system.find(key)
    return upload if upload and upload["state"] in {"SUCCEEDED", "FAILED", "QUARANTINED"} else None


def test_a_schedule_waits_for_its_key_and_takes_what_waits(system: System) -> None:
    version = system.drop("minutely/data.csv", "a\n1\n")
    wait_for("waiting upload", lambda: (system.find("minutely/data.csv") or {}).get("state") == "PENDING")
    system.drop("minutely/_READY", "")

    upload = system.wait_for_end("minutely/data.csv", version)

    assert upload["state"] == "SUCCEEDED", upload
    assert upload["run_id"].startswith("scheduled__")
    assert system.find("minutely/_READY") is None, "a companion is nobody's upload"


def test_the_shipped_sensor_and_the_shipped_schedule_run(system: System) -> None:
    """Airports come by the sensor; planes wait for the day's marker."""
    waiting = wait_for("daily run", lambda: system.list_runs("planes_daily"))[0]
    day = waiting["logical_date"][:10]
    keys = ["airports/airports.csv", "planes/planes.csv"]
    versions = [system.drop(key, read_data(key.rpartition("/")[2])) for key in keys]
    system.drop(f"planes/{day}/_SUCCESS", "")

    uploads = system.wait_for_ends(zip(keys, versions, strict=True), seconds=240)

    assert [upload["state"] for upload in uploads] == ["SUCCEEDED", "SUCCEEDED"], uploads
    rows = [len(read_data(key.rpartition("/")[2]).strip().splitlines()) - 1 for key in keys]
    assert [upload["rows_out"] for upload in uploads] == rows


def test_a_schedule_with_nothing_waiting_is_skipped_and_starts_no_cluster(system: System) -> None:
    def finished() -> str | None:
        return next(
            (run["dag_run_id"] for run in system.list_runs("idle") if run["state"] == "success"), None
        )

    run_id = wait_for("scheduled run of idle", finished)

    states = system.list_task_states("idle", run_id)
    assert states["claim_batch"] == "skipped"
    assert states["create_job_flow"] == "skipped"
    names = [cluster["Name"] for cluster in system.client("emr").list_clusters()["Clusters"]]
    assert not [name for name in names if "idle" in name]


def test_the_run_form_processes_keys_again_as_a_new_attempt(system: System) -> None:
    version = system.drop("people/again/one.csv", HEADER + "Ada,36,London\n")
    before = system.wait_for_end("people/again/one.csv", version)

    run_id = system.trigger("people", keys=["people/again/one.csv"])

    assert system.wait_for_run("people", run_id) == "success"
    after = system.wait_for_end("people/again/one.csv", version)
    assert after["state"] == "SUCCEEDED"
    assert after["run_id"] == run_id
    assert after["batch_id"] != before["batch_id"]


def test_the_run_form_takes_a_prefix(system: System) -> None:
    keys = ["people/prefix/1.csv", "people/prefix/2.csv"]
    versions = [system.drop(key, HEADER + "Ada,36,London\n") for key in keys]
    system.wait_for_ends(zip(keys, versions, strict=True))

    run_id = system.trigger("people", prefix="people/prefix/")

    assert system.wait_for_run("people", run_id) == "success"
    uploads = system.wait_for_ends(zip(keys, versions, strict=True))
    assert {upload["run_id"] for upload in uploads} == {run_id}

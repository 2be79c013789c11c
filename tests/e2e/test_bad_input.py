"""Bad input: each kind has a clear end, and nothing around it is lost."""

import gzip
import json
import os

import pytest

from tests.e2e.system import System, run_sparkdrop, wait_for

pytestmark = pytest.mark.e2e
GOOD = "name,age,city\nAda,36,London\n"
KEYS = {
    "good": "people/bad/good.csv",
    "wrong columns": "people/bad/wrong_columns.csv",
    "truncated gzip": "people/bad/truncated.csv.gz",
    "rubbish": "people/bad/rubbish.csv",
    "empty": "people/bad/empty.csv",
    "strange key": "people/bad/a b+c%20d/ünï☃.csv",
}


@pytest.fixture(scope="module")
def ends(system: System) -> dict[str, dict[str, object]]:
    """One batch or two of good and bad files together."""
    zipped = gzip.compress(("name,age,city\n" + "Ada,36,London\n" * 5_000).encode())
    bodies = {
        "good": GOOD.encode(),
        "wrong columns": b"colour,shape\nred,round\n",
        "truncated gzip": zipped[: len(zipped) // 2],
        "rubbish": os.urandom(4096),
        "empty": b"",
        "strange key": GOOD.encode(),
    }
    versions = [(KEYS[name], system.drop(KEYS[name], body)) for name, body in bodies.items()]
    return dict(zip(bodies, system.wait_for_ends(versions, seconds=240), strict=True))


@pytest.mark.parametrize("name", ["good", "strange key"])
def test_good_files_are_not_held_up(ends: dict[str, dict[str, object]], name: str) -> None:
    assert (ends[name]["state"], ends[name]["rows_out"]) == ("SUCCEEDED", 1)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong columns", "column"),
        ("truncated gzip", "the gzip file is truncated"),
        ("rubbish", ""),
        ("empty", "empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_quarantined_alone(
    ends: dict[str, dict[str, object]], name: str, reason: str
) -> None:
    assert ends[name]["state"] == "QUARANTINED", ends[name]
    assert reason in str(ends[name]["reason"]).lower()


def test_no_row_of_a_quarantined_file_is_in_the_output(
    system: System, ends: dict[str, dict[str, object]]
) -> None:
    sources = {row["_source_key"] for row in system.read_rows("people/")}
    bad = {KEYS[name] for name, end in ends.items() if end["state"] == "QUARANTINED"}
    assert not sources & bad
    assert KEYS["strange key"] in sources


def test_bad_files_show_as_one_import_error_and_stop_no_one(system: System) -> None:
    errors = system.call_airflow("GET", "/importErrors")["import_errors"]

    text = "\n".join(error["stack_trace"] for error in errors)
    assert "malformed.yaml" in text
    assert "unknown_key.yaml" in text
    assert "instance_typ" in text
    assert "instance_type" in text, "the nearest name is told"
    dags = {dag["dag_id"] for dag in system.call_airflow("GET", "/dags?limit=100")["dags"]}
    assert {"people", "flights", "weather", "airports", "planes_daily", "maintenance"} <= dags
    assert not {"malformed", "unknown_key"} & dags


def test_an_object_that_no_pattern_matches_is_on_record_as_unrouted(system: System) -> None:
    version = system.drop("nobody/knows.csv", GOOD)

    upload = system.wait_for_end("nobody/knows.csv", version)

    assert upload["state"] == "UNROUTED"
    done = run_sparkdrop("uploads", "list", "--state", "UNROUTED", "--json", env=system.client_environment)
    assert upload in json.loads(done.stdout)


def test_a_version_deleted_before_its_run_is_quarantined(system: System) -> None:
    version = system.drop("minutely/gone.csv", "a\n1\n")  # waits for its schedule, up to a minute
    wait_for("record of the upload", lambda: system.find("minutely/gone.csv", version))
    system.s3.delete_object(Bucket=system["UPLOADS_BUCKET"], Key="minutely/gone.csv", VersionId=version)
    system.drop("minutely/_READY", "")

    upload = system.wait_for_end("minutely/gone.csv", version)

    assert upload["state"] == "QUARANTINED", upload
    assert "deleted" in upload["reason"]


def test_an_overwrite_is_a_new_upload_and_both_versions_are_processed(system: System) -> None:
    key = "people/overwrite/one.csv"
    first = system.drop(key, "name,age,city\nOld,1,A\n")
    second = system.drop(key, "name,age,city\nNew,2,B\n")

    uploads = system.wait_for_ends([(key, first), (key, second)])

    assert [upload["state"] for upload in uploads] == ["SUCCEEDED", "SUCCEEDED"]
    assert uploads[0]["upload_id"] != uploads[1]["upload_id"]
    rows = [row for row in system.read_rows("people/") if row["_source_key"] == key]
    assert sorted(row["name"] for row in rows) == ["New", "Old"]


def test_the_same_event_twice_is_one_upload_and_one_run(system: System) -> None:
    key = "people/twice/one.csv"
    version = system.drop(key, GOOD)
    upload = system.wait_for_end(key, version)
    event = {
        "version": "0",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": upload["created_at"],
        "detail": {
            "bucket": {"name": upload["bucket"]},
            "object": {"key": key, "size": upload["bytes"], "version-id": version},
        },
    }
    runs = len(system.list_runs("people"))

    system.client("sqs").send_message(QueueUrl=system["ARRIVALS_QUEUE_URL"], MessageBody=json.dumps(event))

    def skipped() -> bool:
        ended = [run for run in system.list_runs("people") if run["state"] == "success"]
        return len(ended) > runs

    wait_for("run that the second event woke", skipped)
    again = system.find(key, version)
    assert again == upload, "the upload is as it was"


def test_a_message_that_is_no_event_goes_to_the_dead_letters_and_the_stream_lives_on(system: System) -> None:
    sqs = system.client("sqs")
    arrivals = system["ARRIVALS_QUEUE_URL"]
    attributes = sqs.get_queue_attributes(QueueUrl=arrivals, AttributeNames=["RedrivePolicy"])["Attributes"]
    dead_letters = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
    dead_letters_url = sqs.get_queue_url(QueueName=dead_letters)["QueueUrl"]
    sqs.send_message(QueueUrl=arrivals, MessageBody="what am I doing here?")

    def read() -> list[dict[str, str]]:
        return sqs.receive_message(QueueUrl=dead_letters_url, WaitTimeSeconds=1).get("Messages", [])

    (message,) = wait_for("dead letter", read)
    assert message["Body"] == "what am I doing here?"
    version = system.drop("people/after/rubbish.csv", GOOD)
    assert system.wait_for_end("people/after/rubbish.csv", version)["state"] == "SUCCEEDED"


def test_a_program_that_exits_1_fails_its_uploads_with_its_last_words(system: System) -> None:
    version = system.drop("failing/one.csv", "a\n1\n")

    upload = system.wait_for_end("failing/one.csv", version)

    assert upload["state"] == "FAILED"
    assert "the ledger of the moon is closed on Mondays" in upload["reason"]
    assert upload["log"].startswith(f"s3://{system['LOGS_BUCKET']}/")
    assert system.wait_for_run("failing", upload["run_id"]) == "failed"

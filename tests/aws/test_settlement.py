"""What becomes of a batch's uploads when its step is over, and what EMR tells of it."""

import gzip
import json
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends
from moto.s3.models import s3_backends
from pydantic import ValidationError

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.content_notes import read_notes
from sparkdrop.aws.emr import Emr
from sparkdrop.aws.intake import select_again
from sparkdrop.aws.items import BatchState, batch_key, inbox_partitions
from sparkdrop.aws.settlement import BatchSettler
from sparkdrop.core.emr_request import build_job_flow, build_step, locate_batch
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.program import ShippedProgram
from sparkdrop.core.step_log import tail_excerpt, tail_reason

from .conftest import PLENTY, REGION, make_entry, make_pipeline, make_run

STDERR = b"""26/03/01 12:00:00 INFO SparkContext: starting
WARNING: Using incubator modules
Traceback (most recent call last):
  File "ingest.py", line 1, in <module>
\tat java.base/java.lang.Thread.run(Thread.java:840)
\t... 3 more
ValueError: no such column: carrier
"""


YARN = """26/03/01 12:00:00 INFO Client: Application report for application_1_0001 (state: RUNNING)
\t client token: N/A
\t diagnostics: N/A
\t ApplicationMaster host: 10.0.0.1
\t ApplicationMaster RPC port: 0
\t queue: default
\t start time: 1772366400000
\t final status: UNDEFINED
\t tracking URL: N/A
\t user: hadoop
"""
FAILED = """Exception in thread "main" org.apache.spark.SparkException: Application application_1_0001 \
finished with failed status
\tat org.apache.spark.deploy.yarn.Client.run(Client.scala:1327)
"""


class ClusterWithCancel(Emr):
    """EMR with the call that the emulation lacks."""

    def __init__(self, deployment, client):
        super().__init__(deployment, client=client)
        self.cancelled = []

    def cancel_step(self, job_flow_id, step_id):
        self.cancelled.append((job_flow_id, step_id))


@pytest.fixture
def emr(aws, deployment):  # noqa: ARG001 - `aws` has to be there first
    return ClusterWithCancel(deployment.ledger_table, boto3.client("emr"))


@pytest.fixture
def batch(ledger, storage, emr, deployment, flights):
    """Two claimed uploads whose step was submitted; `end` ends it, `settle` settles it."""
    return Batch(ledger, storage, emr, deployment, flights)


class Batch:
    def __init__(self, ledger, storage, emr, deployment, pipeline):
        self.ledger, self.storage, self.emr, self.pipeline = ledger, storage, emr, pipeline
        self.settler = BatchSettler(ledger, storage, deployment)
        self.entries = [make_entry(1), make_entry(2)]
        ledger.record("flights", self.entries)
        self.head = claim_batch(ledger, make_run("one"), PLENTY).head
        self.places = locate_batch(pipeline, deployment, self.head.batch_id)
        request = build_job_flow(pipeline, deployment, 10, self.head.batch_id)
        self.job_flow_id = emr.client.run_job_flow(**request)["JobFlowId"]
        step = build_step(
            pipeline, self.head.batch_id, ShippedProgram("s3://p/ingest.py"), self.places.manifest
        )
        self.step_name = step["Name"]
        ledger.announce_step(self.head.batch_id, self.job_flow_id, self.step_name)
        (self.step_id,) = emr.client.add_job_flow_steps(JobFlowId=self.job_flow_id, Steps=[step])["StepIds"]
        ledger.start_batch(self.head.batch_id, self.step_id)
        self.write(self.places.output + "/part-0", b"x")

    def write(self, uri, body):
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        self.storage.client.put_object(Bucket=bucket, Key=key, Body=body)

    def report(self, *files, **changes):
        """A report of (rows out, rows rejected, state, reason) a file."""
        told = [
            {
                "upload_id": entry.upload_id,
                "key": entry.arrival.key,
                "state": state,
                "rows_in": out + rejected,
                "rows_out": out,
                "rows_rejected": rejected,
                "reason": reason,
            }
            for entry, (out, rejected, state, reason) in zip(self.entries, files, strict=False)
        ]
        totals = {name: sum(file[name] for file in told) for name in ("rows_in", "rows_out", "rows_rejected")}
        body = {"version": 1, "batch_id": self.head.batch_id, "output": self.places.output}
        body |= {"bytes_in": 1, "seconds": 1.5, "files": told, **totals, **changes}
        self.write(self.places.report, json.dumps(body).encode())

    def note_failure(self, fault, reason="the job says why", version=1):
        body = {"version": version, "reason": reason, "fault": fault}
        self.write(self.places.failure, json.dumps(body).encode())

    def end(self, state):
        cluster = emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[self.job_flow_id]
        (step,) = (step for step in cluster.steps if step.id == self.step_id)
        step.state = state

    def settle(self):
        return self.settler.settle(self.pipeline, self.ledger.read_batch(self.head.batch_id), self.emr)

    def read(self):
        found = self.ledger.read_uploads(entry.upload_id for entry in self.entries)
        return sorted(found, key=lambda item: item["upload_id"])

    @property
    def output_is_there(self):
        return self.storage.read_text(self.places.output + "/part-0") is not None


def inbox_of(batch):
    pages = (page for part in inbox_partitions("flights") for page in batch.ledger.table.query_pages(part))
    return [item for page in pages for item in page]


def read_head(batch):
    return batch.ledger.table.get(batch_key(batch.head.batch_id))


def test_each_file_ends_as_the_report_says(batch):
    batch.report((5, 1, "SUCCEEDED", None), (0, 0, "QUARANTINED", "not gzip"))
    batch.end("COMPLETED")
    settlement = batch.settle()
    assert (settlement.output, settlement.reason) == (batch.places.output, None)
    assert settlement.states == {"SUCCEEDED": 1, "QUARANTINED": 1}
    good, bad = batch.read()
    assert (good["state"], good["rows_in"], good["rows_out"], good["rows_rejected"]) == ("SUCCEEDED", 6, 5, 1)
    assert (good["output"], good["rejects"]) == (batch.places.output, f"{batch.places.rejects}/")
    assert "rejects" not in bad
    assert (bad["state"], bad["reason"], bad.get("output")) == ("QUARANTINED", "not gzip", None)
    assert batch.ledger.read_open_batches() == []
    assert batch.ledger.read_batch(batch.head.batch_id).state is BatchState.SUCCEEDED
    assert batch.output_is_there


def test_a_batch_without_rows_names_no_output(batch):
    batch.report((0, 0, "SUCCEEDED", None), (0, 2, "QUARANTINED", "no rows fit"), output=None)
    batch.end("COMPLETED")
    assert batch.settle().output is None
    assert ["output" in item for item in batch.read()] == [False, False]


def test_settling_again_changes_nothing(batch):
    batch.report((5, 1, "SUCCEEDED", None), (1, 0, "SUCCEEDED", None))
    batch.end("COMPLETED")
    batch.settle()
    before = batch.read()
    again = batch.settle()
    assert not again.states
    assert again.output == batch.places.output
    assert batch.read() == before


def test_a_settlement_that_dies_on_its_way_leaves_the_contents_noted(batch, monkeypatch):
    """The one after it finds nothing to move."""
    batch.report((5, 1, "SUCCEEDED", None), (0, 0, "QUARANTINED", "not gzip"))
    batch.end("COMPLETED")
    settle = batch.ledger.settle

    def die(*arguments):
        settle(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(batch.ledger, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            batch.settle()
    batch.settle()
    arrivals = [entry.arrival for entry in batch.entries]
    noted = read_notes(batch.ledger, "flights", arrivals)
    notes = [noted[arrival].at_place for arrival in arrivals]
    assert [note and note.upload_id for note in notes] == [batch.entries[0].upload_id, None]


def test_a_program_without_a_report_is_believed_as_a_whole(batch):
    batch.end("COMPLETED")
    assert batch.settle().states == {"SUCCEEDED": 2}
    assert [item["output"] for item in batch.read()] == [batch.places.output] * 2


def test_a_file_that_the_report_forgets_has_failed(batch):
    batch.report((5, 0, "SUCCEEDED", None))
    batch.end("COMPLETED")
    assert batch.settle().states == {"SUCCEEDED": 1, "FAILED": 1}
    assert "does not tell what became of this file" in batch.read()[1]["reason"]


def test_a_report_that_contradicts_itself_fails_the_batch_and_its_output_goes(batch):
    batch.report((5, 0, "SUCCEEDED", None), (1, 0, "SUCCEEDED", None), rows_out=7)
    batch.end("COMPLETED")
    assert "cannot be believed" in batch.settle().reason
    assert {item["state"] for item in batch.read()} == {"PENDING"}
    assert not batch.output_is_there, "the next attempt would write the same rows again"
    with pytest.raises(ValidationError):
        batch.storage.read_report(batch.places.report)


def test_a_failed_step_gives_its_uploads_back_with_the_drivers_last_words(batch, clock):
    log = f"s3://sd-logs/emr/{batch.job_flow_id}/steps/{batch.step_id}/stderr.gz"
    batch.write(log, gzip.compress(STDERR))
    batch.end("FAILED")
    settlement = batch.settle()
    assert settlement.reason.endswith("ValueError: no such column: carrier")
    assert "java.base" not in settlement.reason
    assert "INFO" not in settlement.reason
    assert settlement.states == {"PENDING": 2}
    for item in batch.read():
        assert (item["state"], item["log"], item["reason"]) == ("PENDING", log, settlement.reason)
    assert read_head(batch)["log_excerpt"].endswith(settlement.reason)
    assert not batch.output_is_there
    assert not batch.ledger.is_waiting("flights")
    clock.at += batch.pipeline.retries.delay
    assert [entry.attempt for entry in batch.ledger.read_inbox("flights", 9)] == [2, 2]


@pytest.mark.parametrize(
    ("fault", "reason", "is_suspect"),
    [
        ("files", "a file's bytes lie", True),
        ("files", "S3 does not let us use s3://u/a.csv: the class knows better than this text", True),
        ("store", "Could not reach it", False),
        ("configuration", "no such column", False),
        (None, "Spark could not finish the batch: it ran out of memory", True),
        (None, "java.net.UnknownHostException: s3.amazonaws.com", False),
    ],
)
def test_what_a_job_says_of_its_failure_goes_before_its_log(batch, fault, reason, is_suspect):
    log = f"s3://sd-logs/emr/{batch.job_flow_id}/steps/{batch.step_id}/stderr.gz"
    batch.write(log, gzip.compress(STDERR))
    batch.note_failure(fault, reason)
    batch.end("FAILED")
    assert batch.settle().reason == reason
    assert {item["reason"] for item in batch.read()} == {reason}
    assert all(("group_id" in item) is is_suspect for item in inbox_of(batch))
    assert read_head(batch)["log_excerpt"].endswith("ValueError: no such column: carrier")


def test_an_outage_of_the_store_is_no_files_fault_though_the_log_has_not_come(batch):
    batch.pipeline = make_pipeline(retries={"attempts": 1})
    batch.note_failure("store")
    batch.end("FAILED")
    assert batch.settle().states == {"FAILED": 2}, "no halves"


@pytest.mark.parametrize("failure", [("store", "x", 2), ("moon", "x"), ("store", ""), ("store", None)])
def test_a_failure_that_cannot_be_understood_is_as_none(batch, failure):
    batch.note_failure(*failure)
    batch.end("FAILED")
    assert "EMR gives no reason" in batch.settle().reason


def test_the_failure_of_an_earlier_claim_of_the_batch_is_not_believed(batch):
    batch.note_failure("store")
    batch.storage.write_manifest(batch.places.manifest, {})
    keys = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["sd-artifacts"].keys
    keys[batch.places.failure.removeprefix("s3://sd-artifacts/")].last_modified -= timedelta(minutes=1)
    batch.end("FAILED")
    assert "EMR gives no reason" in batch.settle().reason


def test_a_step_that_was_cancelled_has_no_failure_of_its_own(batch):
    batch.note_failure("store")
    batch.end("CANCELLED")
    assert batch.settle().reason.startswith("the step was cancelled")


def test_after_the_last_attempt_an_upload_has_failed(batch, monkeypatch):
    monkeypatch.setattr("sparkdrop.aws.emr.may_be_the_files", lambda _: False)
    batch.pipeline = make_pipeline(retries={"attempts": 1})
    batch.end("FAILED")
    assert batch.settle().states == {"FAILED": 2}
    for item in batch.read():
        assert "EMR gives no reason" in item["reason"]
        assert item["log"] == f"s3://sd-logs/emr/{batch.job_flow_id}/steps/{batch.step_id}/"
    assert "log_excerpt" not in read_head(batch), "the log has not reached S3"
    assert not batch.ledger.read_inbox("flights", 9)


def test_a_live_step_is_cancelled_and_settled_later(batch):
    with pytest.raises(StepStillLiveError, match=batch.step_id):
        batch.settle()
    assert batch.emr.cancelled == [(batch.job_flow_id, batch.step_id)]
    assert {item["state"] for item in batch.read()} == {"CLAIMED"}
    batch.end("CANCELLED")
    assert batch.settle().states == {"PENDING": 2}


def test_a_step_whose_id_nobody_wrote_down_is_found_by_its_name(batch):
    update = batch.ledger.table.build_update(
        {"pk": f"batch#{batch.head.batch_id}", "sk": "batch"}, {}, condition="attribute_exists(pk)"
    )
    update["UpdateExpression"] = "REMOVE step_id"
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        del update[name]
    batch.ledger.table.client.update_item(**update)
    assert batch.ledger.read_batch(batch.head.batch_id).step_id is None
    batch.end("COMPLETED")
    assert batch.settle().states == {"SUCCEEDED": 2}


def test_a_batch_without_a_step_says_where_to_look(ledger, storage, emr, deployment, flights):
    ledger.record("flights", [make_entry(1)])
    head = claim_batch(ledger, make_run("one"), PLENTY).head
    settlement = BatchSettler(ledger, storage, deployment).settle(flights, head, emr)
    assert "no step was submitted" in settlement.reason
    assert ledger.read_batch(head.batch_id).state is BatchState.FAILED


def test_job_flows_are_found_by_their_tags(emr, deployment, flights):
    request = build_job_flow(flights, deployment, 10, "B1")
    ours = emr.client.run_job_flow(**request)["JobFlowId"]
    emr.client.run_job_flow(**(request | {"Tags": []}))
    other = emr.client.run_job_flow(**build_job_flow(flights, deployment, 10, "B2"))["JobFlowId"]
    assert emr.find_job_flow(request["Name"], "B1") == ours
    assert emr.find_job_flow(request["Name"], "B2") is None
    assert {(found.job_flow_id, found.batch_id) for found in emr.list_job_flows()} == {
        (ours, "B1"),
        (other, "B2"),
    }
    emr.terminate(ours)
    emr.terminate(ours)
    assert emr.find_job_flow(request["Name"], "B1") is None


def test_another_deployments_job_flows_are_not_ours(emr, deployment, flights):
    other = deployment.model_copy(update={"ledger_table": "another"})
    request = build_job_flow(flights, other, 10, "B1")
    emr.client.run_job_flow(**request)
    assert emr.find_job_flow(request["Name"], "B1") is None
    assert list(emr.list_job_flows()) == []


@pytest.mark.parametrize(("code", "is_expected"), [("AccessDeniedException", True), ("Throttled", False)])
def test_a_job_flow_that_the_role_may_not_look_at_is_not_ours(emr, deployment, flights, code, is_expected):
    emr.client.run_job_flow(**build_job_flow(flights, deployment, 10, "B1"))

    def refuse(**_):
        raise ClientError({"Error": {"Code": code}}, "DescribeCluster")

    emr.client.meta.events.register("before-call.emr.DescribeCluster", refuse)
    if is_expected:
        assert list(emr.list_job_flows()) == []
    else:
        with pytest.raises(ClientError, match=code):
            list(emr.list_job_flows())


def test_a_step_is_found_by_its_name(batch):
    assert batch.emr.find_step(batch.job_flow_id, batch.step_name) == batch.step_id
    assert batch.emr.find_step(batch.job_flow_id, batch.step_name + " 2") is None


def test_a_reason_is_the_last_lines_that_say_something():
    assert tail_reason(STDERR.decode()).splitlines()[-1] == "ValueError: no such column: carrier"
    assert len(tail_reason("\n".join(f"line {n}" for n in range(50))).splitlines()) == 5
    assert tail_reason("") is None
    assert tail_reason("26/03/01 12:00:00 INFO all is well\n\n") is None
    # YARN's client, of a driver that was killed: there is no reason in it
    assert tail_reason(YARN) is None
    assert tail_reason(f"{YARN}ValueError: no\n\n. Failing the application.\n{FAILED}") == "ValueError: no"


def test_an_excerpt_is_as_many_whole_lines_as_a_page_has_room_for():
    assert tail_excerpt(STDERR.decode()).endswith(tail_reason(STDERR.decode()))
    assert tail_excerpt("26/03/01 12:00:00 INFO all is well\n") is None
    lines = [f"line {number:04d}" for number in range(500)]
    excerpt = tail_excerpt("\n".join(lines))
    assert excerpt.splitlines() == lines[-len(excerpt.splitlines()) :]
    assert 1_990 <= len(excerpt) <= 2_000
    assert tail_excerpt("x" * 5_000) == "x" * 2_000


def test_a_new_claim_forgets_what_the_last_one_left(batch):
    batch.report((5, 1, "SUCCEEDED", None), (1, 0, "SUCCEEDED", None))
    batch.end("COMPLETED")
    batch.settle()
    again = select_again(batch.ledger, [batch.entries[0].arrival]).entries
    claim_batch(batch.ledger, make_run("two"), PLENTY, choose=lambda: again)
    assert not {"rejects", "output", "rows_rejected"} & batch.read()[0].keys()


def test_a_retry_comes_after_the_pipelines_delay(batch, clock):
    batch.pipeline = make_pipeline(retries={"attempts": 3, "delay": "2m"})
    batch.end("FAILED")
    batch.settle()
    clock.at += timedelta(seconds=119)
    assert not batch.ledger.is_waiting("flights")
    clock.at += timedelta(seconds=1)
    assert batch.ledger.is_waiting("flights")

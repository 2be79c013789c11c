"""A step whose time is over is ended, a batch's bad file is found, a slow batch is told of."""

from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.emr.models import emr_backends

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.emr import Emr
from sparkdrop.aws.overtime import GRACE, enforce_timeout
from sparkdrop.aws.pace import find_slow, note_pace, read_usual
from sparkdrop.aws.records import CancelCause
from sparkdrop.aws.settlement import BatchSettler
from sparkdrop.core.emr_request import build_job_flow, build_step, locate_batch
from sparkdrop.core.errors import StepStillLiveError
from sparkdrop.core.program import ShippedProgram

from .conftest import PLENTY, REGION, make_entry, make_pipeline, make_run

TIMEOUT = timedelta(hours=2)


class FakeEmr(Emr):
    """EMR with the call that the emulation lacks, and steps that end when the test says so."""

    def __init__(self, deployment):
        super().__init__(deployment, client=boto3.client("emr"))
        self.cancelled = []
        self.started_at = None

    def read_step(self, job_flow_id, step_id):
        return replace(super().read_step(job_flow_id, step_id), started_at=self.started_at)

    def read_step_end(self, job_flow_id, step_id, storage):
        return replace(super().read_step_end(job_flow_id, step_id, storage), started_at=self.started_at)

    def cancel_step(self, _, step_id):
        self.cancelled.append(step_id)

    def find(self, head):
        cluster = emr_backends[DEFAULT_ACCOUNT_ID][REGION].clusters[head.job_flow_id]
        return next(step for step in cluster.steps if step.id == head.step_id)

    def end(self, head, state):
        self.find(head).state = state


@pytest.fixture
def system(ledger, storage, deployment, clock):
    return System(ledger, storage, deployment, clock)


class System:
    def __init__(self, ledger, storage, deployment, clock):
        self.ledger, self.clock, self.deployment = ledger, clock, deployment
        self.emr = FakeEmr(deployment.ledger_table)
        self.settler = BatchSettler(ledger, storage, deployment)
        self.pipeline = make_pipeline()
        self.runs = 0

    def land(self, *numbers):
        self.ledger.record("flights", [make_entry(number) for number in numbers])

    def start(self):
        """A run claims and submits; the answer is its batch, or None where nothing is due."""
        self.runs += 1
        claim = claim_batch(self.ledger, make_run(f"run{self.runs}"), PLENTY)
        if claim.head is None:
            return None
        batch_id = claim.head.batch_id
        request = build_job_flow(self.pipeline, self.deployment, 10, batch_id)
        job_flow_id = self.emr.client.run_job_flow(**request)["JobFlowId"]
        manifest = locate_batch(self.pipeline, self.deployment, batch_id).manifest
        step = build_step(self.pipeline, batch_id, ShippedProgram("s3://p/ingest.py"), manifest)
        self.ledger.announce_step(batch_id, job_flow_id, step["Name"], TIMEOUT)
        (step_id,) = self.emr.client.add_job_flow_steps(JobFlowId=job_flow_id, Steps=[step])["StepIds"]
        self.ledger.start_batch(batch_id, step_id)
        return self.read(batch_id)

    def read(self, batch_id):
        return self.ledger.read_batch(batch_id)

    def enforce(self, head, *, owns_job_flow=True):
        return enforce_timeout(
            self.ledger, self.emr, self.read(head.batch_id), TIMEOUT, owns_job_flow=owns_job_flow
        )

    def settle(self, head):
        return self.settler.settle(self.pipeline, self.read(head.batch_id), self.emr)

    def states(self, *numbers):
        items = self.ledger.read_uploads(make_entry(number).upload_id for number in numbers)
        return {item["key"].removeprefix("flights/").removesuffix(".csv"): item["state"] for item in items}

    def is_gone(self, head):
        answer = self.emr.client.describe_cluster(ClusterId=head.job_flow_id)
        return answer["Cluster"]["Status"]["State"].startswith("TERMINAT")


def test_a_step_has_its_time_and_is_then_cancelled_with_that_reason(system, clock):
    system.land(1, 2)
    head = system.start()
    system.emr.started_at = clock()
    clock.move(hours=1, minutes=59)
    assert system.enforce(head) == head.deadline
    assert system.emr.cancelled == []
    clock.move(minutes=2)
    assert system.enforce(head) == clock() + GRACE
    assert system.emr.cancelled == [head.step_id]
    assert system.read(head.batch_id).cancelled_for is CancelCause.TIMEOUT
    system.emr.end(head, "CANCELLED")
    assert system.enforce(head) is None
    reason = system.settle(head).reason
    assert reason == "the step ran longer than job.timeout (2h) and was cancelled"
    assert set(system.states(1, 2).values()) == {"PENDING"}


def test_a_step_that_started_late_has_its_whole_time(system, clock):
    system.land(1)
    head = system.start()
    clock.move(hours=1)
    started_at = system.emr.started_at = clock()
    clock.move(hours=1, minutes=1)
    assert system.enforce(head) == started_at + TIMEOUT
    assert system.read(head.batch_id).deadline == started_at + TIMEOUT
    assert system.emr.cancelled == []


def test_a_step_that_never_starts_is_cancelled_and_no_files_fault(system, clock):
    system.land(1, 2)
    head = system.start()
    system.emr.find(head).state = "PENDING"
    clock.move(hours=2, minutes=1)
    system.enforce(head)
    system.emr.end(head, "CANCELLED")
    assert "did not start within job.timeout (2h)" in system.settle(head).reason
    clock.move(hours=1)
    assert {entry.group_id for entry in system.ledger.read_inbox("flights", 9)} == {None}


@pytest.mark.parametrize(("owns_job_flow", "is_gone"), [(True, True), (False, False)])
def test_a_step_that_cannot_be_cancelled_loses_its_own_cluster(system, clock, owns_job_flow, is_gone):
    system.land(1)
    head = system.start()
    clock.move(hours=2, minutes=1)
    system.enforce(head, owns_job_flow=owns_job_flow)
    assert not system.is_gone(head), "the step has its grace"
    clock.move(seconds=GRACE.total_seconds())
    system.enforce(head, owns_job_flow=owns_job_flow)
    assert system.is_gone(head) is is_gone


def test_a_step_whose_run_is_over_says_so(system):
    system.land(1)
    head = system.start()
    with pytest.raises(StepStillLiveError):
        system.settle(head)
    system.emr.end(head, "CANCELLED")
    assert "its run was over: marked as failed, cleared or deleted" in system.settle(head).reason


def test_the_next_batch_goes_on_while_one_that_hung_waits_for_its_turn(system, clock):
    system.land(1, 2)
    head = system.start()
    system.emr.started_at = clock()
    clock.move(hours=2, minutes=1)
    system.land(*range(3_600, 3_610))
    system.enforce(head)
    system.emr.end(head, "CANCELLED")
    system.settle(head)
    clock.move(hours=1)
    following = system.start()
    listed = system.ledger.read_batch_entries(following)
    assert {entry.arrival.key for entry in listed} == {f"flights/{n}.csv" for n in range(3_600, 3_610)}


def fail_where(system, head, bad):
    """End a step: it fails where a bad file is in its batch."""
    keys = {entry.arrival.key for entry in system.ledger.read_batch_entries(head)}
    system.emr.end(head, "FAILED" if keys & {f"flights/{n}.csv" for n in bad} else "COMPLETED")
    system.settle(head)


@pytest.mark.parametrize("bad", [{3}, {0, 7}, {1, 2, 5}, set(range(8))])
def test_bad_files_are_quarantined_and_the_others_go_through(system, clock, bad):
    system.land(*range(8))
    while system.runs < 30:
        head = system.start()
        if head is not None:
            fail_where(system, head, bad)
        clock.move(minutes=5)
    states = system.states(*range(8))
    assert {int(name) for name, state in states.items() if state == "QUARANTINED"} == bad
    assert {int(name) for name, state in states.items() if state == "SUCCEEDED"} == set(range(8)) - bad
    assert system.ledger.read_open_batches() == []
    if bad:
        (item,) = system.ledger.read_uploads([make_entry(min(bad)).upload_id])
        assert item["reason"].startswith("the file fails its batch by itself: ")


def test_a_dying_cluster_splits_nothing(system, clock):
    system.land(1, 2)
    for _ in range(2):
        head = system.start()
        describe = system.emr.client.describe_cluster

        def answer(describe=describe, **request):
            found = describe(**request)
            found["Cluster"]["Status"]["StateChangeReason"] = {"Code": "INSTANCE_FAILURE"}
            return found

        system.emr.client.describe_cluster = answer
        system.emr.end(head, "FAILED")
        system.settle(head)
        clock.move(minutes=6)
    assert {entry.group_id for entry in system.ledger.read_inbox("flights", 9)} == {None}


def test_a_batch_that_takes_far_longer_than_usual_is_found(system, clock):
    for minutes in (4, 6, 5):
        note_pace(system.ledger, "flights", timedelta(minutes=minutes))
    assert read_usual(system.ledger, "flights") == timedelta(minutes=5)
    system.land(1)
    head = system.start()
    clock.move(minutes=14)
    assert find_slow(system.ledger, head) is None
    clock.move(minutes=2)
    assert find_slow(system.ledger, head) == timedelta(minutes=5)


def test_the_usual_is_of_the_last_ten(system):
    for minutes in (*[100] * 10, *[1] * 10):
        note_pace(system.ledger, "flights", timedelta(minutes=minutes))
    assert read_usual(system.ledger, "flights") == timedelta(minutes=1)
    assert read_usual(system.ledger, "weather") is None

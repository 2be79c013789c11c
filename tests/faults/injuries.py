"""Does a fault to a running system, and says when it began and when it was over."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from sparkdrop_local.aws.names import ACCESS_KEY_ID, CLOUDFORMATION_KEY_ID
from sparkdrop_local.aws.outages import ROUTE as OUTAGES
from tests.faults.drawing import PIPELINES, Injury, Kind
from tests.faults.victims import await_chance, find_victims, freeze, kill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.e2e.system import System
    from tests.faults.dropping import Dropped

LATE_SECONDS = 10
JOB_TIMEOUT_SECONDS = 120
"""`job.timeout` of the pipelines."""
_EMR_FAULTS = "/_emr/faults"
# EMR says no to most calls, and boto3 gives up on some
_THROTTLED = 0.7
_LIVE_CLUSTERS = ["BOOTSTRAPPING", "RUNNING", "WAITING"]


@dataclass(frozen=True, slots=True)
class Injured:
    """A fault as it came to pass.

    Attributes:
        injury: what was drawn.
        began: by this machine's clock.
        ended: when it was over.
        struck: whether there was something to hurt.
    """

    injury: Injury
    began: float
    ended: float
    struck: bool


class Injurer:
    """Does faults to one system; used from several threads.

    Args:
        system: the system.
        dropped: what has landed so far, as the caller adds to it.

    Attributes:
        garbage: what was put into the queue that is no event.
    """

    def __init__(self, system: System, dropped: list[Dropped]) -> None:
        self.garbage: list[str] = []
        self._system = system
        self._dropped = dropped
        self._sqs, self._emr = system.client("sqs"), system.client("emr")
        self._ways: dict[Kind, Callable[[Injury], bool]] = {
            Kind.KILL: self._kill,
            Kind.FREEZE: self._freeze,
            Kind.THROTTLE: self._throttle,
            Kind.LOST_ANSWER: lambda one: self._strike_emr(kind="lost_response", match=one.target),
            Kind.START_FAILURE: lambda _: self._strike_emr(kind="start_failure"),
            Kind.CLUSTER_DEATH: self._terminate_cluster,
            Kind.HANG: lambda _: self._strike_emr(kind="hang"),
            Kind.EMR_OUTAGE: self._cut_emr,
            Kind.OUTAGE: self._cut_service,
            Kind.TWICE: self._tell_again,
            Kind.LATE: self._tell_late,
            Kind.OUT_OF_ORDER: self._tell_backwards,
            Kind.GARBAGE: self._send_garbage,
            Kind.MARK_FAILED: self._mark_failed,
            Kind.CLEAR: self._clear_run,
            Kind.DELETE_RUN: self._delete_run,
            Kind.PAUSE: self._pause,
            Kind.DELETE_MARKER: lambda one: self._delete(one, version=False),
            Kind.DELETE_VERSION: lambda one: self._delete(one, version=True),
            Kind.OVERWRITE: lambda one: bool(self._await_drops(one, 2)),
        }

    def injure(self, injury: Injury) -> Injured:
        """Do it, all of it: what lasts is over when this returns."""
        began = time.time()
        struck = self._ways[injury.kind](injury)
        # a step that hangs is over when its time is
        over = time.time() + (JOB_TIMEOUT_SECONDS if injury.kind is Kind.HANG else 0)
        return Injured(injury, began, over, struck)

    def heal(self) -> None:
        """Take back whatever an interrupted fault may have left."""
        httpx.delete(self._endpoint + _EMR_FAULTS, trust_env=False)
        httpx.delete(self._endpoint + OUTAGES, trust_env=False)
        for pipeline in PIPELINES:
            self._ask_airflow("PATCH", f"/dags/{pipeline}", {"is_paused": False})

    # processes

    def _kill(self, injury: Injury) -> bool:
        victims = await_chance(lambda: find_victims(self._system.home, injury.target)) or []
        kill(victims)
        return bool(victims)

    def _freeze(self, injury: Injury) -> bool:
        victims = await_chance(lambda: find_victims(self._system.home, injury.target)) or []
        if victims:
            freeze(victims, injury.seconds)
        return bool(victims)

    # AWS

    @property
    def _endpoint(self) -> str:
        return self._system.environment["AWS_ENDPOINT_URL"]

    def _order(self, route: str, **order: Any) -> dict[str, Any]:
        answer = httpx.post(self._endpoint + route, json=order, trust_env=False)
        assert answer.is_success, answer.text
        ordered: dict[str, Any] = answer.json()
        return ordered

    def _strike_emr(self, **order: Any) -> bool:
        """Order a fault that strikes once, and wait until it has; cancelled where there is no chance."""
        route = f"{_EMR_FAULTS}/{self._order(_EMR_FAULTS, **order)['id']}"

        def has_struck() -> bool:
            return bool(httpx.get(self._endpoint + route, trust_env=False).json()["struck"])

        try:
            return bool(await_chance(has_struck))
        finally:
            httpx.delete(self._endpoint + route, trust_env=False)

    def _throttle(self, injury: Injury) -> bool:
        order = {"kind": "throttle", "probability": _THROTTLED, "seed": injury.drop, "times": None}
        route = f"{_EMR_FAULTS}/{self._order(_EMR_FAULTS, **order)['id']}"
        time.sleep(injury.seconds)
        httpx.delete(self._endpoint + route, trust_env=False)
        return True

    def _cut_emr(self, injury: Injury) -> bool:
        self._order(_EMR_FAULTS, kind="outage", seconds=injury.seconds)
        time.sleep(injury.seconds)
        return True

    def _cut_service(self, injury: Injury) -> bool:
        spared = [ACCESS_KEY_ID, CLOUDFORMATION_KEY_ID]
        self._order(OUTAGES, service=injury.target, seconds=injury.seconds, spared=spared)
        time.sleep(injury.seconds)
        return True

    def _terminate_cluster(self, _: Injury) -> bool:
        """End a cluster as somebody does who has a console open."""

        def find() -> list[str]:
            return [one["Id"] for one in self._emr.list_clusters(ClusterStates=_LIVE_CLUSTERS)["Clusters"]]

        found = await_chance(find) or []
        if found:
            self._emr.terminate_job_flows(JobFlowIds=found[:1])
        return bool(found)

    # events

    def _tell_again(self, injury: Injury) -> bool:
        return self._send(map(self._describe, self._await_drops(injury, 1)))

    def _tell_late(self, injury: Injury) -> bool:
        events = map(self._describe, self._await_drops(injury, 1))
        told = self._send(events, delay=LATE_SECONDS)
        time.sleep(LATE_SECONDS if told else 0)
        return told

    def _tell_backwards(self, injury: Injury) -> bool:
        """Tell of the versions of a key again, the newest first."""
        return self._send(map(self._describe, reversed(self._await_drops(injury, 2))))

    def _send_garbage(self, injury: Injury) -> bool:
        mark = f"garbage of drop {injury.drop} at {time.time()}"
        bodies = [
            mark,
            json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {"mark": mark}}),
            json.dumps([mark]),
            json.dumps({"source": "aws.s3", "detail-type": "Object Deleted", "mark": mark}),
        ]
        self.garbage += bodies
        return self._send(bodies)

    def _describe(self, one: Dropped) -> str:
        """Build the event that S3 sends of it."""
        event = {
            "version": "0",
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": datetime.fromtimestamp(one.at, UTC).isoformat(),
            "detail": {
                "bucket": {"name": self._system["UPLOADS_BUCKET"]},
                "object": {"key": one.drop.key, "size": one.size, "version-id": one.version},
            },
        }
        return json.dumps(event)

    def _send(self, bodies: Iterable[str], *, delay: int = 0) -> bool:
        """Put messages into the queue; whether there were any."""
        queue = self._system["ARRIVALS_QUEUE_URL"]
        sent = [
            self._sqs.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=delay) for body in bodies
        ]
        return bool(sent)

    # runs

    def _mark_failed(self, injury: Injury) -> bool:
        return self._change_run(injury, "PATCH", "", {"state": "failed"}, states={"running", "queued"})

    def _clear_run(self, injury: Injury) -> bool:
        return self._change_run(injury, "POST", "/clear", {"dry_run": False})

    def _delete_run(self, injury: Injury) -> bool:
        return self._change_run(injury, "DELETE", "", None)

    def _change_run(
        self, injury: Injury, method: str, path: str, body: Any, *, states: set[str] | None = None
    ) -> bool:
        """Change the newest run that there is, or the first that comes; Airflow may say no."""
        dag = f"/dags/{injury.pipeline}"

        def find() -> str | None:
            runs = self._ask_airflow("GET", f"{dag}/dagRuns?limit=5&order_by=-run_after")
            listed = json.loads(runs.content)["dag_runs"] if runs is not None and runs.is_success else []
            ids = [run["dag_run_id"] for run in listed if states is None or run["state"] in states]
            return ids[0] if ids else None

        run_id = await_chance(find)
        if run_id is None:
            return False
        answer = self._ask_airflow(method, f"{dag}/dagRuns/{quote(run_id, safe='')}{path}", body)
        return answer is not None and answer.is_success

    def _pause(self, injury: Injury) -> bool:
        dag = f"/dags/{injury.pipeline}"
        self._ask_airflow("PATCH", dag, {"is_paused": True})
        time.sleep(injury.seconds)
        return self._ask_airflow("PATCH", dag, {"is_paused": False}) is not None

    def _ask_airflow(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """Ask, again and again while another fault has the API server; None where it does not come back."""

        def ask() -> httpx.Response | None:
            try:
                return self._system.ask_airflow(method, path, body)
            except (httpx.HTTPError, AssertionError):
                return None

        return await_chance(ask)

    # objects

    def _delete(self, injury: Injury, *, version: bool) -> bool:
        for one in self._await_drops(injury, 1):
            one.is_gone = True
            which = {"VersionId": one.version} if version else {}
            self._system.s3.delete_object(Bucket=self._system["UPLOADS_BUCKET"], Key=one.drop.key, **which)
            return True
        return False

    def _await_drops(self, injury: Injury, count: int) -> list[Dropped]:
        """Wait for the versions of the key that it is about; none where they do not come."""

        def find() -> list[Dropped]:
            keys = {one.drop.key for one in self._dropped if one.drop.number == injury.drop}
            found = [one for one in self._dropped if one.drop.key in keys]
            return found if len(found) >= count else []

        return await_chance(find) or []

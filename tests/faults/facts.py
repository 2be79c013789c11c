"""What a system holds after a schedule, read from outside: ledger, API, S3, EMR and the dead letters."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet as pq

from sparkdrop.core.emr_request import TAG_BATCH, TAG_PIPELINE
from tests.e2e.api import ApiUser
from tests.e2e.system import System
from tests.faults.drawing import PIPELINES

_LIVE = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
_RECEIVED = 10


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of ours; times by the clock of the machine, None for what has not come."""

    id: str
    pipeline: str
    batch_id: str
    created: float
    ended: float | None
    steps: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the output, and the file that it is in; `row` is what `dropping.build_rows` builds."""

    row: tuple[Any, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it.

    Attributes:
        uploads: the ledger's, of this schedule's keys.
        told: the API's state of each, by the ledger's id.
        found: every row of this schedule's in the output.
        clusters: those of ours that were made since it began.
        dead_letters: bodies.
    """

    uploads: list[dict[str, Any]]
    told: dict[str, str | None]
    found: list[Found]
    clusters: list[Cluster]
    dead_letters: list[str]


def read_facts(system: System, user: ApiUser, seed: int, since: float) -> Facts:
    """Read what there is of one schedule."""
    mark = f"/s{seed}-"
    uploads = [upload for upload in system.list_uploads() if mark in upload["key"]]
    routed = [upload for upload in uploads if upload["pipeline"] in PIPELINES]
    return Facts(
        uploads=uploads,
        told={upload["upload_id"]: _ask_state(user, upload["upload_id"]) for upload in routed},
        found=_find_rows(system, seed, since),
        clusters=_read_clusters(system, since),
        dead_letters=take_dead_letters(system),
    )


def take_dead_letters(system: System) -> list[str]:
    """Read the dead letters, and take them away."""
    sqs = system.client("sqs")
    arrivals = system["ARRIVALS_QUEUE_URL"]
    attributes = sqs.get_queue_attributes(QueueUrl=arrivals, AttributeNames=["RedrivePolicy"])["Attributes"]
    name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    bodies: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_RECEIVED).get("Messages", []):
        for message in messages:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def find_live_clusters(system: System, since: float) -> list[str]:
    """Find the clusters that were made since then, and have not ended."""
    listed = system.client("emr").list_clusters(CreatedAfter=_as_time(since), ClusterStates=_LIVE)
    return [one["Id"] for one in listed["Clusters"]]


def _ask_state(user: ApiUser, upload_id: str) -> str | None:
    answer = user.call("GET", f"/uploads/{upload_id}")
    return answer.json()["state"] if answer.is_success else None


def _find_rows(system: System, seed: int, since: float) -> list[Found]:
    found: list[Found] = []
    pages = system.s3.get_paginator("list_objects_v2").paginate(Bucket=system["CURATED_BUCKET"])
    for item in (item for page in pages for item in page.get("Contents", [])):
        is_ours = item["Key"].startswith(tuple(f"{name}/" for name in PIPELINES))
        # S3 counts whole seconds
        if is_ours and item["Key"].endswith(".parquet") and item["LastModified"].timestamp() >= since - 1:
            body = system.s3.get_object(Bucket=system["CURATED_BUCKET"], Key=item["Key"])["Body"].read()
            rows = pq.read_table(io.BytesIO(body)).to_pylist()
            found += [Found(_pick(row, item["Key"]), item["Key"]) for row in rows]
    return [one for one in found if str(one.row[0]).startswith(f"{seed}-")]


def _pick(row: dict[str, Any], key: str) -> tuple[Any, ...]:
    """Pick our three columns; that of a partition is in the path."""
    folders = dict(part.split("=", 1) for part in key.split("/") if "=" in part)
    return row["id"], row.get("name", folders.get("name")), row["amount"]


def _read_clusters(system: System, since: float) -> list[Cluster]:
    emr = system.client("emr")
    pages = emr.get_paginator("list_clusters").paginate(CreatedAfter=_as_time(since))
    clusters = []
    for listed in (one for page in pages for one in page["Clusters"]):
        described = emr.describe_cluster(ClusterId=listed["Id"])["Cluster"]
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
        if tags.get(TAG_PIPELINE) not in PIPELINES:
            continue
        steps = emr.list_steps(ClusterId=listed["Id"])["Steps"]
        lines = [step["Status"]["Timeline"] for step in steps]
        clusters.append(
            Cluster(
                id=listed["Id"],
                pipeline=tags[TAG_PIPELINE],
                batch_id=tags.get(TAG_BATCH, ""),
                created=described["Status"]["Timeline"]["CreationDateTime"].timestamp(),
                ended=_read_end(described["Status"]["Timeline"]),
                steps=tuple(
                    (line["StartDateTime"].timestamp(), _read_end(line))
                    for line in lines
                    if "StartDateTime" in line
                ),
            )
        )
    return clusters


def _read_end(timeline: dict[str, Any]) -> float | None:
    return timeline["EndDateTime"].timestamp() if "EndDateTime" in timeline else None


def _as_time(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)

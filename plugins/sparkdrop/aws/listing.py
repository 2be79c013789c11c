"""What people ask about uploads: one, or a list.

Lists read the table's indexes, which lag behind the table by a moment; one upload is read from the table.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from sparkdrop.aws.items import Item, batch_key, inbox_partitions, marshal, unmarshal, upload_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.core.uploads import UNROUTED, UploadState, upload_identity

FIELDS = (
    "upload_id",
    "pipeline",
    "bucket",
    "key",
    "version_id",
    "bytes",
    "state",
    "batch_id",
    "run_id",
    "job_flow_id",
    "step_id",
    "output",
    "rows_in",
    "rows_out",
    "rows_rejected",
    "reason",
    "log",
    "created_at",
    "updated_at",
)
"""The fields of an upload, as commands and the API tell them; those without a value are None."""

UploadView = dict[str, Any]


def read_upload(ledger: Ledger, upload_id: str, pipelines: Iterable[str]) -> UploadView | None:
    """Read one upload, with its history.

    Args:
        ledger: the ledger.
        upload_id: any id of the upload.
        pipelines: the names of all pipelines: an upload that was never claimed lies in one of their inboxes.
    """
    item = ledger.table.get(upload_key(upload_id)) or _find_waiting(ledger, upload_id, pipelines)
    if item is None:
        return None
    view = next(_build_views(ledger, [item]))
    return view | {"history": [json.loads(move) for move in item.get("history", [])]}


def list_uploads(
    ledger: Ledger, *, pipeline: str | None = None, state: UploadState | None = None, limit: int = 100
) -> list[UploadView]:
    """List the newest uploads first.

    Args:
        ledger: the ledger.
        pipeline: only this pipeline's; `UNROUTED` lists what no pipeline's patterns match.
        state: only those in this state.
        limit: at most so many.
    """
    wanted: set[str] = set(_stored_states(state))
    if pipeline is not None:
        items = _query_index(ledger, "by_pipeline", "pipeline", pipeline)
    else:
        items = heapq.merge(
            *(_query_index(ledger, "by_state", "state", name) for name in wanted),
            key=lambda item: str(item["upload_id"]),
            reverse=True,
        )
    chosen = _drop_older_entries(item for item in items if item["state"] in wanted)
    views = (view for piece in _pieces(chosen, limit) for view in _build_views(ledger, piece))
    return list(islice((view for view in views if state is None or view["state"] == state), limit))


def _stored_states(state: UploadState | None) -> Iterable[str]:
    if state is UploadState.RUNNING:  # an upload's item stays CLAIMED; its batch knows of the step
        return [UploadState.CLAIMED.value]
    return [state.value] if state else [name.value for name in UploadState]


def _pieces(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while piece := list(islice(items, size)):
        yield piece


def _query_index(ledger: Ledger, index: str, attribute: str, value: str) -> Iterator[Item]:
    pages = ledger.table.client.get_paginator("query").paginate(
        TableName=ledger.table.name,
        IndexName=index,
        KeyConditionExpression="#attribute = :value",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues=marshal({":value": value}),
        ScanIndexForward=False,
    )
    return (unmarshal(item) for page in pages for item in page["Items"])


def _drop_older_entries(items: Iterable[Item]) -> Iterator[Item]:
    """Of the items of one object version (an upload and its inbox entries) keep the one that moved last.

    They have one upload_id and so lie side by side, but for a listing's entry beside an event's.
    """
    seen: set[str] = set()
    for upload_id, same in groupby(items, key=lambda item: str(item["upload_id"])):
        identity = upload_identity(upload_id)
        if identity not in seen:
            seen.add(identity)
            yield max(same, key=lambda item: str(item["updated_at"]))


def _find_waiting(ledger: Ledger, upload_id: str, pipelines: Iterable[str]) -> Item | None:
    for pipeline in (*pipelines, UNROUTED):
        for partition in inbox_partitions(pipeline):
            for page in ledger.table.query_pages(partition, sk_prefix=upload_id):
                if page:
                    return page[0]
    return None


def _build_views(ledger: Ledger, items: Sequence[Item]) -> Iterator[UploadView]:
    batch_ids = {item["batch_id"] for item in items if item.get("batch_id")}
    found = ledger.table.batch_get([batch_key(batch_id) for batch_id in sorted(batch_ids)])
    heads = {head["batch_id"]: head for head in found}
    for item in items:
        head = heads.get(item.get("batch_id", ""), {})
        view: UploadView = {name: item.get(name) for name in FIELDS}
        view |= {name: head.get(name) for name in ("job_flow_id", "step_id")}
        if view["state"] == UploadState.CLAIMED and view["step_id"]:
            view["state"] = UploadState.RUNNING.value
        yield view

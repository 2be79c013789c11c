"""What people ask about uploads: one, or a list.

Lists read the table's indexes, which lag behind the table by a moment; one upload is read from the table.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from sparkdrop.aws.items import Item, batch_key, inbox_partition, upload_key
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.values import marshal, unmarshal
from sparkdrop.core.uploads import LAST_ID, UNROUTED, UploadState, first_id_at, upload_identity

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
    "slow_since",
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
_SMALLEST_PIECE = 25
"""Items that are looked at together at least, however few are asked for."""


def read_upload(ledger: Ledger, upload_id: str, pipelines: Iterable[str]) -> UploadView | None:
    """Read one upload, with its history.

    Args:
        ledger: the ledger.
        upload_id: any id of the upload.
        pipelines: the names of all pipelines: an upload that was never claimed lies in one of their inboxes.
    """
    item = read_item(ledger, upload_id, pipelines)
    if item is None:
        return None
    view = next(_build_views(ledger, [item]))
    return view | {"history": read_history(item)}


def read_item(
    ledger: Ledger, upload_id: str, pipelines: Iterable[str], *, exactly: bool = False
) -> Item | None:
    """Read the item of one upload, or its inbox entry.

    Args:
        ledger: the ledger.
        upload_id: any id of the upload.
        pipelines: as `read_upload` takes them.
        exactly: find an entry by this very id alone, which costs the same however much waits.
    """
    key = upload_key(upload_id)
    # the last look is for what is claimed between the first two
    return (
        ledger.table.get(key)
        or _find_waiting(ledger, upload_id, pipelines, exactly=exactly)
        or ledger.table.get(key)
    )


def read_history(item: Item) -> list[dict[str, Any]]:
    """Read the moves of an upload, oldest first."""
    return [json.loads(move) for move in item.get("history", [])]


def list_uploads(
    ledger: Ledger, *, pipeline: str | None = None, state: UploadState | None = None, limit: int = 100
) -> list[UploadView]:
    """List the newest uploads first, each once.

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
        queries = (_query_index(ledger, "by_state", "state", name) for name in wanted)
        items = heapq.merge(*queries, key=_get_id, reverse=True)
    chosen = (item for item in _merge_items(items) if item["state"] in wanted)
    pieces = (_follow_entries(ledger, piece) for piece in _pieces(chosen, max(limit, _SMALLEST_PIECE)))
    views = (view for piece in pieces for view in _build_views(ledger, piece))
    return list(islice((view for view in views if _is_wanted(view, pipeline, state)), limit))


def read_page(
    ledger: Ledger, pipeline: str, *, before: str | None, since: datetime | None, size: int
) -> tuple[list[tuple[str, Item]], str | None]:
    """Read a page of a pipeline's uploads, the newest first, each once.

    Args:
        ledger: the ledger.
        pipeline: whose; an entry of it may lead to an upload that another pipeline has processed.
        before: only what comes after this place.
        since: only what landed at that time or later.
        size: how many items of the index are looked at.

    Returns:
        The items, each with its place; and the place that the next page comes after, None at the end.
    """
    first, last = first_id_at(since) if since else "0", before or LAST_ID
    if first > last:
        return [], None
    answer = ledger.table.client.query(
        TableName=ledger.table.name,
        IndexName="by_pipeline",
        KeyConditionExpression="pipeline = :pipeline AND upload_id BETWEEN :first AND :last",
        ExpressionAttributeValues=marshal({":pipeline": pipeline, ":first": first, ":last": last}),
        ScanIndexForward=False,
        Limit=size,
    )
    items = [unmarshal(item) for item in answer["Items"]]
    found = list(_merge_items(item for item in items if item["upload_id"] != before))
    following = _get_id(items[-1]) if "LastEvaluatedKey" in answer else None
    return list(zip(map(_get_id, found), _follow_entries(ledger, found), strict=True)), following


def read_heads(ledger: Ledger, items: Iterable[Item]) -> dict[str, Item]:
    """Read the heads of the batches that uploads are in, by the batches' ids."""
    batch_ids = {item["batch_id"] for item in items if item.get("batch_id")}
    found = ledger.table.batch_get([batch_key(batch_id) for batch_id in sorted(batch_ids)])
    return {head["batch_id"]: head for head in found}


def build_view(item: Item, head: Item) -> UploadView:
    """Build the view of an upload from its item and its batch's head, which is empty where it is in none."""
    view: UploadView = {name: item.get(name) for name in FIELDS}
    view |= {name: head.get(name) for name in ("job_flow_id", "step_id")}
    if view["state"] == UploadState.CLAIMED and view["step_id"]:
        view["state"] = UploadState.RUNNING.value
    if view["state"] in {UploadState.CLAIMED, UploadState.RUNNING}:
        view["slow_since"] = head.get("slow_since")
    return view


def _is_wanted(view: UploadView, pipeline: str | None, state: UploadState | None) -> bool:
    return pipeline in {None, view["pipeline"]} and state in {None, view["state"]}


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


def _get_id(item: Item) -> str:
    return str(item["upload_id"])


def _merge_items(items: Iterable[Item]) -> Iterator[Item]:
    """Of the items of one object version (an upload and its inbox entries) keep the one that counts.

    They have one upload_id and so lie side by side, but for a listing's entry beside an event's.
    """
    seen: set[str] = set()
    for upload_id, same in groupby(items, key=_get_id):
        identity = upload_identity(upload_id)
        if identity not in seen:
            seen.add(identity)
            yield max(same, key=_rank)


def _rank(item: Item) -> tuple[int, bool]:
    """The latest attempt counts; of one attempt the upload and not its entry, which a redelivery puts back.

    An upload that waits for its next attempt tells more than the entry of that attempt: why the last one
    failed.
    """
    is_upload = not item["pk"].startswith("inbox#")
    is_waiting = is_upload and item["state"] == UploadState.PENDING
    return (item["attempt"] + is_waiting, is_upload)


def _follow_entries(ledger: Ledger, items: Sequence[Item]) -> list[Item]:
    """Replace entries of attempts that were claimed before by their uploads, which know what came of it."""
    entries = [item for item in items if item["pk"].startswith("inbox#")]
    found = ledger.read_uploads(map(_get_id, entries)) if entries else []
    uploads = {upload_identity(item["upload_id"]): item for item in found}
    return [max(item, uploads.get(upload_identity(_get_id(item)), item), key=_rank) for item in items]


def _find_waiting(ledger: Ledger, upload_id: str, pipelines: Iterable[str], *, exactly: bool) -> Item | None:
    """Find an upload's inbox entry; whoever asks may know its id with another time than the event's."""
    # without the id's time, which the entries are sorted by, all that waits has to be read
    narrowed: dict[str, Any] = (
        {"sk_prefix": f"{upload_id}#"}
        if exactly
        else {
            "where": "contains(upload_id, :identity)",
            "values": {":identity": upload_identity(upload_id)},
        }
    )
    for pipeline in dict.fromkeys((*pipelines, UNROUTED)):
        pages = ledger.table.query_pages(inbox_partition(pipeline, upload_id), **narrowed)
        for page in pages:
            if page:
                return page[0]
    return None


def _build_views(ledger: Ledger, items: Sequence[Item]) -> Iterator[UploadView]:
    heads = read_heads(ledger, items)
    return (build_view(item, heads.get(item.get("batch_id", ""), {})) for item in items)

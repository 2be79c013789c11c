"""What the API tells of uploads, from the moment that their links are made.

An upload that came through a link goes by the link's id; the ledger's own id of it is answered as well. Who
may see what is for the caller of these functions to say.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.items import format_time, waiting_key
from sparkdrop.aws.links import FoundLink, Links
from sparkdrop.aws.listing import build_view, read_heads, read_history, read_item, read_page
from sparkdrop.core.links import Link, LinkState, is_over
from sparkdrop.core.patterns import find_upload_folder
from sparkdrop.core.uploads import UNROUTED, UploadState, is_upload_id, upload_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sparkdrop.aws.items import Item
    from sparkdrop.aws.ledger import Ledger

FIELDS = (
    "upload_id",
    "pipeline",
    "filename",
    "key",
    "bucket",
    "size",
    "state",
    "owner",
    "created_at",
    "updated_at",
    "expires_at",
    "batch_id",
    "run_id",
    "job_flow_id",
    "step_id",
    "slow_since",
    "output",
    "rows_in",
    "rows_out",
    "rows_rejected",
    "rejects",
    "reason",
    "log",
    "log_excerpt",
    "cost",
)
"""The fields of an upload as the API tells them, its history left out; those without a value are None.

Nothing records a cost yet, so that one always is.
"""

View = dict[str, Any]

_SMALLEST_PAGE = 100
_PAGES = 10
"""Pages that are looked through for one answer: a rare state ends in a short page, not in a timeout."""


class WaitState(StrEnum):
    """Where an upload stands before anything has landed. The last two are ends."""

    AWAITING_UPLOAD = "AWAITING_UPLOAD"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


def read_view(
    ledger: Ledger, found: FoundLink | None, upload_id: str, pipelines: Iterable[str]
) -> View | None:
    """Read one upload with its history; None where there is none.

    Args:
        ledger: the ledger.
        found: the link of that id, where there is one.
        upload_id: a link's id, or the ledger's id of an upload, as the ledger tells it.
        pipelines: the names of all pipelines: what was never claimed lies in one of their inboxes.
    """
    item: Item | None = None
    if found is None:
        # anybody may ask for any id, and an inbox may be long
        item = read_item(ledger, upload_id, pipelines, exactly=True) if is_upload_id(upload_id) else None
        if item is None:
            return None
        found = _find_links(Links(ledger.table, ledger.now), [item]).get(_place(item))
    elif found.landing:
        item = _read_landed(ledger, [found]).get(upload_identity(found.landing)) or read_item(
            ledger, found.landing, pipelines, exactly=True
        )
    heads = read_heads(ledger, [item]) if item else {}
    view = _build(found, item, _find_head(heads, item), ledger.now())
    return view | {"history": _build_history(found, item, view)}


def list_own_views(
    ledger: Ledger,
    links: Links,
    caller: str,
    *,
    pipeline: str | None,
    state: str | None,
    since: datetime | None,
    before: str | None,
    limit: int,
) -> tuple[list[View], str | None]:
    """List what a caller asked links for, the newest first.

    Args:
        ledger: the ledger.
        links: its links.
        caller: whose.
        pipeline: only this pipeline's.
        state: only those in this state.
        since: only links that were made at that time or later.
        before: the place that the last answer gave.
        limit: at most so many.

    Returns:
        The views; and the place where the next answer begins, None at the end. There may be fewer than asked
        for, or none, before the end.
    """
    views: list[View] = []
    size = limit + 1 if state is None else max(limit + 1, _SMALLEST_PAGE)
    for _ in range(_PAGES):
        page = links.list_own(caller, before=before, limit=size, pipeline=pipeline, since=since)
        for found, view in zip(page, _view_links(ledger, page), strict=True):
            if len(views) == limit:
                return views, before
            before = found.link.upload_id
            if state in {None, view["state"]}:
                views.append(view)
        if len(page) < size:
            return views, None
    return views, before


def list_pipeline_views(
    ledger: Ledger,
    links: Links,
    pipeline: str,
    *,
    state: str | None,
    since: datetime | None,
    before: str | None,
    limit: int,
) -> tuple[list[View], str | None]:
    """List what landed for a pipeline, the newest first, whoever brought it and by which way.

    Args:
        ledger: the ledger.
        links: its links.
        pipeline: the pipeline.
        state: only those in this state.
        since: only what landed at that time or later.
        before: the place that the last answer gave.
        limit: at most so many.

    Returns:
        The views, and the place where the next answer begins, as :func:`list_own_views` does.
    """
    views: list[View] = []
    if state is not None and state in set(WaitState):
        return views, None  # that is of links: nothing has landed
    size = max(limit + 1, _SMALLEST_PAGE)
    for _ in range(_PAGES):
        page, following = read_page(ledger, pipeline, before=before, since=since, size=size)
        for (place, _item), view in zip(page, _view_items(ledger, links, page), strict=True):
            if len(views) == limit:
                return views, before
            before = place
            if view["pipeline"] == pipeline and state in {None, view["state"]}:
                views.append(view)
        if following is None:
            return views, None
        before = following
    return views, before


def _view_links(ledger: Ledger, page: Sequence[FoundLink]) -> list[View]:
    items = _read_landed(ledger, page)
    heads = read_heads(ledger, items.values())
    views = []
    for found in page:
        item = items.get(upload_identity(found.landing)) if found.landing else None
        views.append(_build(found, item, _find_head(heads, item), ledger.now()))
    return views


def _read_landed(ledger: Ledger, page: Sequence[FoundLink]) -> dict[str, Item]:
    """Read the items of what landed of links, by their identities: the uploads, or else their entries."""
    landed = {found.landing: found.landed_pipeline or UNROUTED for found in page if found.landing}
    # the inboxes first: what is claimed between the two looks is found by the second
    waiting = list(ledger.table.batch_get([waiting_key(pipeline, name) for name, pipeline in landed.items()]))
    return {
        upload_identity(item["upload_id"]): item for item in [*waiting, *ledger.read_uploads(landed.keys())]
    }


def _view_items(ledger: Ledger, links: Links, page: Sequence[tuple[str, Item]]) -> list[View]:
    items = [item for _, item in page]
    founds, heads = _find_links(links, items), read_heads(ledger, items)
    return [_build(founds.get(_place(item)), item, _find_head(heads, item), ledger.now()) for item in items]


def _find_links(links: Links, items: Iterable[Item]) -> dict[tuple[str, str], FoundLink]:
    """Find the links that objects came through, by the objects' buckets and keys."""
    folders = (find_upload_folder(item["key"]) for item in items)
    found = links.read_many([folder for folder in folders if folder])
    return {(one.link.bucket, one.link.key): one for one in found}


def _place(item: Item) -> tuple[str, str]:
    return item["bucket"], item["key"]


def _find_head(heads: dict[str, Item], item: Item | None) -> Item:
    return heads.get(item.get("batch_id", ""), {}) if item else {}


def _build(found: FoundLink | None, item: Item | None, head: Item, now: datetime) -> View:
    """Build the view of what landed, of a link, or of both."""
    view: View = dict.fromkeys(FIELDS)
    if found is not None:
        view |= _describe_link(found, now)
    if item is None:
        return view
    told = build_view(item, head)
    told |= {"size": item["bytes"], "rejects": item.get("rejects"), "log_excerpt": head.get("log_excerpt")}
    if found is not None:
        kept = {"upload_id", "created_at"} | ({"pipeline"} if told["pipeline"] == UNROUTED else set())
        told = {name: value for name, value in told.items() if name not in kept}
    else:
        told["filename"] = item["key"].rpartition("/")[2]
    return view | {name: told[name] for name in FIELDS if name in told}


def _describe_link(found: FoundLink, now: datetime) -> View:
    link = found.link
    state = _find_state(found, now)
    changed_at = link.updated_at or link.created_at
    if state == WaitState.EXPIRED:
        changed_at = max(changed_at, link.expires_at)
    return {
        "upload_id": link.upload_id,
        "pipeline": link.pipeline,
        "filename": link.filename,
        "key": link.key,
        "bucket": link.bucket,
        "size": link.bytes,
        "state": state,
        "owner": link.caller,
        "created_at": format_time(link.created_at),
        "updated_at": format_time(changed_at),
        "expires_at": format_time(link.expires_at),
    }


def _find_state(found: FoundLink, now: datetime) -> str:
    """Say where an upload stands of which no item tells.

    One that is completed should lie in S3 already, and one that has landed is on its way from one item to
    another.
    """
    link: Link = found.link
    if found.landing:
        return UploadState.PENDING.value
    if link.state is LinkState.CANCELLED:
        return WaitState.CANCELLED.value
    if is_over(link, now):
        return WaitState.EXPIRED.value
    is_completed = link.state is LinkState.COMPLETED
    return (UploadState.PENDING if is_completed else WaitState.AWAITING_UPLOAD).value


def _build_history(found: FoundLink | None, item: Item | None, view: View) -> list[dict[str, Any]]:
    """Tell the moves of an upload from its link on; what landed was waiting first, claimed or not."""
    moves = [_move(WaitState.AWAITING_UPLOAD, view["created_at"])] if found else []
    if item is not None:
        waited = UploadState.UNROUTED if item["state"] == UploadState.UNROUTED else UploadState.PENDING
        return [*moves, _move(waited, item["created_at"]), *read_history(item)]
    if view["state"] != WaitState.AWAITING_UPLOAD:
        moves.append(_move(view["state"], view["updated_at"]))
    return moves


def _move(state: str, at: str) -> dict[str, Any]:
    return {"state": str(state), "at": at, "batch_id": None}

"""The ledger's links: what the API has given leave to upload, and what landed of it.

A link is written in one transaction with its caller's list and day, so that nobody gets past a quota by
asking twice at once, and no link is missing in a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.items import (
    LINK_KEPT_FOR,
    TTL,
    Item,
    format_time,
    landing_key,
    link_key,
    own_link_key,
    quota_key,
)
from sparkdrop.aws.transactions import transact_each
from sparkdrop.aws.values import marshal
from sparkdrop.core.errors import LinkConflictError, QuotaExceededError, TooLargeError, UnknownUploadError
from sparkdrop.core.links import Link, LinkKind, LinkState
from sparkdrop.core.quantities import format_size
from sparkdrop.core.uploads import LAST_ID, first_id_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sparkdrop.aws.table import Table

_QUOTA_KEPT_FOR = timedelta(days=2)
_SMALLEST_PAGE = 25


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller may ask for in one day, in UTC.

    Attributes:
        uploads: how many links.
        bytes: how many bytes they declare together.
    """

    uploads: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link, and what landed of it.

    Attributes:
        link: the link.
        landing: the ledger's id of the object version; None before anything landed.
        landed_pipeline: the pipeline that it went to, or `UNROUTED`.
    """

    link: Link
    landing: str | None = None
    landed_pipeline: str | None = None


class Links:
    """What may happen to links.

    Args:
        table: the ledger's.
        clock: says what time it is.
    """

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._now = clock

    def open(self, link: Link, quota: Quota) -> None:
        """Write a link down, if its caller's day has room for it.

        What is cancelled or never used counts as well: the quota is on what is asked for.

        Raises:
            QuotaExceededError: it has not.
            TooLargeError: no day has.
            BusyError: the caller asks for too many at once.
        """
        if link.bytes > quota.bytes:
            raise TooLargeError(
                f"a caller's day takes {format_size(quota.bytes)}, this file has {format_size(link.bytes)}"
            )
        now = self._now()
        expires_at = int((link.created_at + LINK_KEPT_FOR).timestamp())
        own = {
            **own_link_key(link.caller, link.upload_id),
            "link_pipeline": link.pipeline,
            TTL: expires_at,
        }
        put_link = self._build_put({**build_link_item(link), TTL: expires_at})
        actions = [
            {"Put": put_link | {"ConditionExpression": "attribute_not_exists(pk)"}},
            {"Put": self._build_put(own)},
            {"Update": self._build_day(link, quota, now)},
        ]
        # a number that can never fit would pass on a day that has no item yet
        if quota.uploads < 1 or transact_each(self._table.client, [actions]) != [True]:
            raise self._refuse(link, quota, now)

    def read(self, upload_id: str) -> FoundLink | None:
        """Read a link with what landed of it; None where there is no such link."""
        return next(iter(self.read_many([upload_id])), None)

    def read_many(self, upload_ids: Sequence[str]) -> list[FoundLink]:
        """Read links with what landed of each, in the order of these ids; there may be fewer links."""
        items = self._table.batch_get([link_key(upload_id) for upload_id in dict.fromkeys(upload_ids)])
        links = {link.upload_id: link for link in map(parse_link, items)}
        places = {
            upload_id: landing_key(upload_id, link.bucket, link.key) for upload_id, link in links.items()
        }
        landings = {item["pk"]: item for item in self._table.batch_get(list(places.values()))}
        return [
            _join(links[upload_id], landings.get(places[upload_id]["pk"]))
            for upload_id in dict.fromkeys(upload_ids)
            if upload_id in links
        ]

    def complete(self, upload_id: str) -> Link:
        """Note that a link's parts are one object now; once more changes nothing.

        Raises:
            UnknownUploadError: there is no such link.
            LinkConflictError: it was cancelled.
            BusyError: others move it at this moment.
        """
        return self._move(upload_id, LinkState.COMPLETED)

    def cancel(self, upload_id: str) -> Link:
        """Note that nothing shall come of a link; once more changes nothing.

        Raises:
            UnknownUploadError: there is no such link.
            LinkConflictError: it was completed.
            BusyError: others move it at this moment.
        """
        return self._move(upload_id, LinkState.CANCELLED)

    def list_own(
        self,
        caller: str,
        *,
        before: str | None = None,
        limit: int,
        pipeline: str | None = None,
        since: datetime | None = None,
    ) -> list[FoundLink]:
        """List a caller's links, the newest first.

        Args:
            caller: whose.
            before: only links that are older than the one of this id.
            limit: at most so many.
            pipeline: only this pipeline's.
            since: only those made at that time or later.
        """
        first, last = first_id_at(since) if since else "0", before or LAST_ID
        if first > last:
            return []
        pages = self._table.query_pages(
            own_link_key(caller, "")["pk"],
            sk_between=(first, last),
            newest_first=True,
            where="link_pipeline = :pipeline" if pipeline else "",
            values={":pipeline": pipeline} if pipeline else None,
            page=0 if pipeline else max(limit + 1, _SMALLEST_PAGE),
        )
        found: list[str] = []
        for page in pages:
            found += [item["sk"] for item in page if item["sk"] != before]
            if len(found) >= limit:
                break
        return self.read_many(found[:limit])

    def _move(self, upload_id: str, state: LinkState) -> Link:
        update = self._table.build_update(
            link_key(upload_id),
            {"link_state": state.value, "link_updated_at": format_time(self._now())},
            condition="link_state = :open",
            values={":open": LinkState.OPEN.value},
        )
        transact_each(self._table.client, [[{"Update": update}]])
        item = self._table.get(link_key(upload_id))
        if item is None:
            raise UnknownUploadError(f"there is no upload {upload_id!r}")
        link = parse_link(item)
        if link.state is not state:
            raise LinkConflictError(f"upload {upload_id} is {link.state.value} already")
        return link

    def _build_day(self, link: Link, quota: Quota, now: datetime) -> Any:  # noqa: ANN401 - a transaction's part
        return {
            "TableName": self._table.name,
            "Key": marshal(quota_key(link.caller, _day(now))),
            "UpdateExpression": "SET #ttl = :ttl ADD uploads :one, #bytes :bytes",
            "ConditionExpression": "attribute_not_exists(pk) OR "
            "(uploads <= :uploads_left AND #bytes <= :bytes_left)",
            "ExpressionAttributeNames": {"#ttl": TTL, "#bytes": "bytes"},
            "ExpressionAttributeValues": marshal(
                {
                    ":ttl": int((now + _QUOTA_KEPT_FOR).timestamp()),
                    ":one": 1,
                    ":bytes": link.bytes,
                    ":uploads_left": quota.uploads - 1,
                    ":bytes_left": quota.bytes - link.bytes,
                }
            ),
        }

    def _refuse(self, link: Link, quota: Quota, now: datetime) -> QuotaExceededError:
        used = self._table.get(quota_key(link.caller, _day(now))) or {"uploads": 0, "bytes": 0}
        midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
        return QuotaExceededError(
            f"today {used['uploads']:,} of {quota.uploads:,} uploads and {format_size(used['bytes'])} of "
            f"{format_size(quota.bytes)} are used up, and this one has {format_size(link.bytes)}; the next "
            "day begins at midnight UTC",
            retry_seconds=int((midnight - now).total_seconds()) + 1,
        )

    def _build_put(self, item: Item) -> dict[str, Any]:
        return {"TableName": self._table.name, "Item": marshal(item)}


def build_link_item(link: Link) -> Item:
    """A link's item: its state and its pipeline go by names that no list index knows."""
    return {
        **link_key(link.upload_id),
        "link_id": link.upload_id,
        "link_state": link.state.value,
        "link_pipeline": link.pipeline,
        "caller": link.caller,
        "filename": link.filename,
        "bytes": link.bytes,
        "sha256": link.sha256,
        "content_type": link.content_type,
        "bucket": link.bucket,
        "key": link.key,
        "kind": link.kind.value,
        "multipart_id": link.multipart_id,
        "part_bytes": link.part_bytes,
        "created_at": format_time(link.created_at),
        "link_expires_at": format_time(link.expires_at),
        "link_updated_at": format_time(link.updated_at) if link.updated_at else None,
    }


def parse_link(item: Item) -> Link:
    """Read a link from its item."""
    updated_at = item.get("link_updated_at")
    return Link(
        upload_id=item["link_id"],
        caller=item["caller"],
        pipeline=item["link_pipeline"],
        filename=item["filename"],
        bytes=item["bytes"],
        sha256=item.get("sha256"),
        content_type=item["content_type"],
        bucket=item["bucket"],
        key=item["key"],
        kind=LinkKind(item["kind"]),
        multipart_id=item.get("multipart_id"),
        part_bytes=item.get("part_bytes"),
        state=LinkState(item["link_state"]),
        created_at=datetime.fromisoformat(item["created_at"]),
        expires_at=datetime.fromisoformat(item["link_expires_at"]),
        updated_at=datetime.fromisoformat(updated_at) if updated_at else None,
    )


def _join(link: Link, landing: Item | None) -> FoundLink:
    if landing is None:
        return FoundLink(link)
    return FoundLink(link, landing["landed_upload_id"], landing["landed_pipeline"])


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()

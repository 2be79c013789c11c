"""The ledger's links: what the API has given leave to upload, and what landed of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sparkdrop.aws.table import Table
    from sparkdrop.core.links import Link


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
        landing: the ledger's id of the object version that landed first; None before.
        landed_pipeline: the pipeline that it went to, or `UNROUTED`.
    """

    link: Link
    landing: str | None = None
    landed_pipeline: str | None = None


class Links:
    """What may happen to links."""

    def __init__(self, table: Table, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._now = clock

    def open(self, link: Link, quota: Quota) -> None:
        """Write a link down, if its caller's day has room for it.

        Raises:
            QuotaExceededError: it has not.
        """
        raise NotImplementedError

    def read(self, upload_id: str) -> FoundLink | None:
        """Read a link with what landed of it; None where there is no such link."""
        raise NotImplementedError

    def complete(self, upload_id: str) -> Link:
        """Note that a link's parts are one object now.

        Raises:
            UnknownUploadError: there is no such link.
            LinkConflictError: it was cancelled.
        """
        raise NotImplementedError

    def cancel(self, upload_id: str) -> Link:
        """Note that nothing will come of a link.

        Raises:
            UnknownUploadError: there is no such link.
            LinkConflictError: it was completed.
        """
        raise NotImplementedError

    def list_own(
        self,
        caller: str,
        *,
        before: str | None = None,
        limit: int,
        pipeline: str | None = None,
        since: datetime | None = None,
    ) -> list[FoundLink]:
        """List a caller's links, the newest first."""
        raise NotImplementedError

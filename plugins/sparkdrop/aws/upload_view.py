"""What the API tells of uploads, from the moment that their links are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.links import FoundLink, Links

View = dict[str, Any]


def read_view(
    ledger: Ledger, found: FoundLink | None, upload_id: str, pipelines: Iterable[str]
) -> View | None:
    """Read one upload with its history; None where there is none."""
    raise NotImplementedError


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
    """List what a caller asked links for, the newest first; and where the next page begins."""
    raise NotImplementedError


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
    """List the uploads of a pipeline, the newest first; and where the next page begins."""
    raise NotImplementedError

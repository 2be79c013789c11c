"""Gives leave to upload: which pipeline takes the file, under which key, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sparkdrop.core.access import check_upload
from sparkdrop.core.errors import SparkdropError, TooLargeError
from sparkdrop.core.links import (
    SINGLE_MAX_BYTES,
    Link,
    LinkKind,
    LinkState,
    check_uploadable,
    choose_part_bytes,
    make_link_id,
    make_link_key,
)
from sparkdrop.core.quantities import format_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from sparkdrop.aws.links import Links, Quota
    from sparkdrop.core.access import Caller
    from sparkdrop.core.catalog import Catalog

    from .upload_store import SignedRequest, UploadStore


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to upload.

    Attributes:
        pipeline: For which pipeline.
        filename: The file's name.
        size: Its size in bytes.
        content_type: Its type.
        sha256: Its hash in hex, where that is known already.
    """

    pipeline: str
    filename: str
    size: int
    content_type: str
    sha256: str | None = None


class Linker:
    """Makes links.

    Args:
        catalog: Reads the catalog of pipelines.
        links: Where links are on record.
        store: Where files go.
        quota: What a caller may ask for in a day.
        bucket: The uploads bucket.
        multipart_lasts: How long parts may be added; the bucket keeps them for longer.
        clock: Says what time it is.
    """

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        links: Links,
        store: UploadStore,
        *,
        quota: Quota,
        bucket: str,
        multipart_lasts: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._store = store
        self._quota = quota
        self._bucket = bucket
        self._multipart_lasts = multipart_lasts
        self._now = clock

    def open_single(self, caller: Caller, wish: Wish) -> tuple[Link, SignedRequest]:
        """Make a link for one request.

        Raises:
            UnknownPipelineError: There is no such pipeline for this caller.
            ForbiddenError: The caller may look at it only.
            LinkRefusedError: The pipeline takes no such file.
            QuotaExceededError: The caller's day is over.
            BusyError: The caller asks for too many at once.
        """
        if wish.size > SINGLE_MAX_BYTES:
            raise TooLargeError(
                f"one request takes at most {format_size(SINGLE_MAX_BYTES)}, and this file has "
                f"{format_size(wish.size)}: send it in parts, with POST /uploads"
            )
        link = self._draft(caller, wish, LinkKind.SINGLE)
        # before it is on record: what cannot be signed shall not count
        signed = self._store.sign_put(link)
        link = replace(link, expires_at=signed.expires_at)
        self._links.open(link, self._quota)
        return link, signed

    def open_multipart(self, caller: Caller, wish: Wish) -> Link:
        """Begin an upload in parts.

        Raises:
            UnknownPipelineError: There is no such pipeline for this caller.
            ForbiddenError: The caller may look at it only.
            LinkRefusedError: The pipeline takes no such file.
            QuotaExceededError: The caller's day is over.
            BusyError: The caller asks for too many at once.
        """
        link = self._draft(caller, wish, LinkKind.MULTIPART)
        link = replace(
            link,
            multipart_id=self._store.create_multipart(link),
            part_bytes=choose_part_bytes(wish.size),
            expires_at=link.created_at + self._multipart_lasts,
        )
        try:
            self._links.open(link, self._quota)
        except SparkdropError:
            self._store.abort(link)
            raise
        return link

    def _draft(self, caller: Caller, wish: Wish, kind: LinkKind) -> Link:
        pipeline = self._catalog().find_for(caller, wish.pipeline)
        check_upload(pipeline, caller)
        check_uploadable(pipeline, self._bucket)
        if wish.size > pipeline.upload.max_bytes:
            raise TooLargeError(
                f"{pipeline.name} takes files of at most {format_size(pipeline.upload.max_bytes)}, and this "
                f"one has {format_size(wish.size)}"
            )
        now = self._now()
        upload_id = make_link_id(now)
        return Link(
            upload_id=upload_id,
            caller=caller.name,
            pipeline=pipeline.name,
            filename=wish.filename,
            bytes=wish.size,
            sha256=wish.sha256.lower() if wish.sha256 else None,
            content_type=wish.content_type,
            bucket=self._bucket,
            key=make_link_key(pipeline, upload_id, wish.filename),
            kind=kind,
            multipart_id=None,
            part_bytes=None,
            state=LinkState.OPEN,
            created_at=now,
            expires_at=now,
        )

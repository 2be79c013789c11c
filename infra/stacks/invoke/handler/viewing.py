"""What a caller may see: its own, and all of the pipelines that it may view."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.batch_owners import BatchOwners
from sparkdrop.aws.invocation_view import read_invocation
from sparkdrop.aws.upload_view import WaitState, list_own_views, list_pipeline_views, read_view
from sparkdrop.core.access import check_upload, drop_session, may_view
from sparkdrop.core.errors import ForbiddenError, UnknownRunError, UnknownUploadError
from sparkdrop.core.uploads import is_upload_id

from .failures import find_batch, hide_failure, is_of_a_batch
from .pages import Cursor, parse_cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.links import FoundLink, Links
    from sparkdrop.core.access import Caller
    from sparkdrop.core.catalog import Catalog

    from .pages import Filters

View = dict[str, Any]
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_ME = "me"


class Viewer:
    """Reads what a caller may see.

    Args:
        catalog: Reads the catalog of pipelines.
        ledger: The ledger.
        links: Its links.
    """

    def __init__(self, catalog: Callable[[], Catalog], ledger: Ledger, links: Links) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._links = links

    def read_upload(self, caller: Caller, upload_id: str) -> View:
        """Read one upload with its history, by its link's id or the ledger's.

        Raises:
            UnknownUploadError: There is none that this caller may see.
        """
        found = self._links.read(upload_id) if is_upload_id(upload_id) else None
        if found and not self._may_see(caller, found.link.caller, found.link.pipeline):
            raise _deny(upload_id)
        seen = [pipeline.name for pipeline in self._catalog().list_for(caller)]
        view = read_view(self._ledger, found, upload_id, seen)
        if view is None or not self._may_see(caller, view["owner"], view["pipeline"]):
            raise _deny(upload_id)
        return self._tell(view, caller, BatchOwners(self._ledger, self._links))

    def list_uploads(self, caller: Caller, filters: Filters) -> tuple[list[View], str | None]:
        """List uploads, the newest first.

        Returns:
            The views, and the cursor of the next page; None at the end.

        Raises:
            UnknownPipelineError: There is no such pipeline for this caller.
            InvalidFieldError: The cursor is none of this list.
        """
        pipeline = self._catalog().find_for(caller, filters.pipeline) if filters.pipeline else None
        # a link of which nothing came is in its caller's list alone
        of_all = pipeline is not None and may_view(pipeline, caller) and filters.state not in set(WaitState)
        scope = f"{'all' if of_all else 'own'}:{filters.pipeline or ''}"
        before = parse_cursor(filters.cursor, scope) if filters.cursor else None
        narrowed: dict[str, Any] = {
            "state": filters.state,
            "since": filters.since,
            "before": before,
            "limit": filters.limit,
        }
        if of_all and filters.pipeline:
            views, following = list_pipeline_views(self._ledger, self._links, filters.pipeline, **narrowed)
        else:
            views, following = list_own_views(
                self._ledger, self._links, caller.name, pipeline=filters.pipeline, **narrowed
            )
        cursor = Cursor(following, scope).encode() if following else None
        owners = BatchOwners(self._ledger, self._links)
        return [self._tell(view, caller, owners) for view in views], cursor

    def find_own(self, caller: Caller, upload_id: str, *, to_upload: bool) -> FoundLink:
        """Find a link of a caller's own, to do something with it.

        Args:
            caller: Who asks.
            upload_id: The link's id.
            to_upload: Whether the caller has to be one who may still upload.

        Raises:
            UnknownUploadError: There is no such link that this caller may see.
            ForbiddenError: It may see it, and no more.
            UnknownPipelineError: The pipeline is not there any more, or not for this caller.
        """
        found = self._links.read(upload_id) if is_upload_id(upload_id) else None
        if found is None or not self._may_see(caller, found.link.caller, found.link.pipeline):
            raise _deny(upload_id)
        if found.link.caller != caller.name:
            raise ForbiddenError(f"upload {upload_id} is another caller's: only who began it may go on")
        if to_upload:
            check_upload(self._catalog().find_for(caller, found.link.pipeline), caller)
        return found

    def read_run(self, caller: Caller, run_id: str) -> View:
        """Read how a run stands.

        Raises:
            UnknownRunError: There is none that this caller may see.
        """
        run = read_invocation(self._ledger, run_id) if _RUN_ID.fullmatch(run_id) else None
        # runs that were asked for before sessions were cut off carry their names
        if run is None or not self._may_see(caller, drop_session(run["caller"]), run["pipeline"]):
            raise UnknownRunError(f"there is no run {run_id!r}")
        return run

    def _tell(self, view: View, caller: Caller, owners: BatchOwners) -> View:
        """Name the caller's own as such; why a batch failed may name files that are another caller's."""
        told = view | ({"owner": _ME} if view["owner"] == caller.name else {})
        if not is_of_a_batch(view) or self._may_view(caller, view["pipeline"]):
            return told
        batch_id = find_batch(view)
        count, is_own = owners.look_at(batch_id, caller.name) if batch_id else (0, False)
        return told if is_own else hide_failure(told, count)

    def _may_see(self, caller: Caller, owner: str | None, pipeline: str) -> bool:
        return owner == caller.name or self._may_view(caller, pipeline)

    def _may_view(self, caller: Caller, pipeline: str) -> bool:
        known = self._catalog().list_for(caller)
        return any(one.name == pipeline and may_view(one, caller) for one in known)


def _deny(upload_id: str) -> UnknownUploadError:
    return UnknownUploadError(f"there is no upload {upload_id!r}")

"""What the calls work with, each part made when it is first needed, once for all calls of an instance."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from sparkdrop.aws.catalog import CatalogReader

from .clients import make_client
from .places import LinkPlaces

if TYPE_CHECKING:
    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.aws.links import Links
    from sparkdrop.core.catalog import Catalog

    from .linking import Linker
    from .multipart import Multiparts
    from .upload_store import UploadStore
    from .viewing import Viewer


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Services:
    """Puts logic and storage together.

    Attributes:
        places: The deployment's names and limits.
    """

    def __init__(self, places: LinkPlaces) -> None:
        self.places = places

    def read_catalog(self) -> Catalog:
        """Read the catalog of pipelines.

        Raises:
            StorageError: None is published.
        """
        return self._catalog_reader.read()

    @cached_property
    def linker(self) -> Linker:
        """What makes links."""
        from sparkdrop.aws.links import Quota

        from .linking import Linker

        return Linker(
            self.read_catalog,
            self._links,
            self._store,
            quota=Quota(self.places.daily_uploads, self.places.daily_bytes),
            bucket=self.places.uploads_bucket,
            multipart_lasts=timedelta(seconds=self.places.multipart_seconds),
            clock=_utc_now,
        )

    @cached_property
    def multiparts(self) -> Multiparts:
        """What knows of uploads in parts."""
        from .multipart import Multiparts

        return Multiparts(self._links, self._store, clock=_utc_now)

    @cached_property
    def viewer(self) -> Viewer:
        """What reads for a caller."""
        from .viewing import Viewer

        return Viewer(self.read_catalog, self._ledger, self._links)

    @cached_property
    def _catalog_reader(self) -> CatalogReader:
        return CatalogReader(make_client("s3"), self.places.artifacts_bucket)

    @cached_property
    def _ledger(self) -> Ledger:
        # with it comes boto3
        from sparkdrop.aws.ledger import Ledger

        return Ledger(self.places.ledger_table, client=make_client("dynamodb"), clock=_utc_now)

    @cached_property
    def _links(self) -> Links:
        from sparkdrop.aws.links import Links
        from sparkdrop.aws.table import Table

        return Links(Table(self.places.ledger_table, make_client("dynamodb")), _utc_now)

    @cached_property
    def _store(self) -> UploadStore:
        from .signing import SigningStore
        from .upload_role import UploadRole

        role = UploadRole(self.places.upload_role_arn, self.places.link_seconds, clock=_utc_now)
        return SigningStore(role, account_id=self.places.account_id, link_seconds=self.places.link_seconds)


@cache
def get_services() -> Services:
    """The services of this instance, by what its stack tells it."""
    return Services(LinkPlaces.from_environment(os.environ))

"""The catalog: what the API has to know of every pipeline, as one JSON object in the artifacts bucket.

Airflow reads the pipeline files themselves; a function that answers in milliseconds reads this instead.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from sparkdrop.core.access import is_visible
from sparkdrop.core.errors import InvocationRefusedError, UnknownPipelineError
from sparkdrop.core.links import MULTIPART_MAX_BYTES
from sparkdrop.core.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparkdrop.core.access import Caller
    from sparkdrop.core.invocation import Invocation
    from sparkdrop.core.pipeline import Pipeline

CATALOG_VERSION = 1
CATALOG_KEY = "pipelines.json"
_NEAREST = 3


class _Record(BaseModel):
    # a newer catalog may tell more than an older function wants to know
    model_config = ConfigDict(frozen=True, extra="ignore")


class CatalogArrival(_Record):
    """What lands for a pipeline.

    Attributes:
        mode: How it hears of it.
        keys: Its patterns.
        bucket: Its bucket; None is the uploads bucket.
        hidden: Whether it takes keys with a hidden folder or name.
    """

    mode: str
    keys: tuple[str, ...]
    bucket: str | None = None
    hidden: str = "skip"


class CatalogUpload(_Record):
    """What the API takes for a pipeline.

    Attributes:
        max_bytes: The most bytes of one file.
        groups: Who may upload and invoke; none: whoever may call the API.
        viewers: Who sees every upload.
    """

    max_bytes: int = MULTIPART_MAX_BYTES
    groups: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()


class CatalogPipeline(_Record):
    """One pipeline, as the API knows it.

    Attributes:
        name: Its name.
        description: What people read.
        arrival: See :class:`CatalogArrival`.
        wait_for: Its companions.
        format: How Spark reads its files.
        max_files: The most files of a batch.
        max_bytes: The most bytes of a batch.
        argument_room: Characters that an invocation's arguments may have together: EMR's limit.
        upload: See :class:`CatalogUpload`; an older catalog has none.
    """

    name: str
    description: str = ""
    arrival: CatalogArrival
    wait_for: tuple[str, ...] = ()
    format: str
    max_files: int
    max_bytes: int
    argument_room: int
    upload: CatalogUpload = CatalogUpload()


class Catalog(_Record):
    """All pipelines.

    Attributes:
        version: Of this shape.
        pipelines: In the order of their names.
    """

    version: int = CATALOG_VERSION
    pipelines: tuple[CatalogPipeline, ...] = ()

    def find(self, name: str) -> CatalogPipeline:
        """Find a pipeline.

        Raises:
            UnknownPipelineError: There is none; the nearest names are told.
        """
        return _find(self.pipelines, name)

    def find_for(self, caller: Caller, name: str) -> CatalogPipeline:
        """Find a pipeline that a caller may know of.

        Raises:
            UnknownPipelineError: There is none for this caller; the nearest that it sees are told.
        """
        return _find(self.list_for(caller), name)

    def list_for(self, caller: Caller) -> tuple[CatalogPipeline, ...]:
        """List the pipelines that a caller may know of, in the order of their names."""
        return tuple(pipeline for pipeline in self.pipelines if is_visible(pipeline, caller))

    def check(
        self, invocation: Invocation, uploads_bucket: str, caller: Caller | None = None
    ) -> CatalogPipeline:
        """Check what an invocation asks for; answers its pipeline.

        Args:
            invocation: What is asked for.
            uploads_bucket: The bucket of pipelines that name none.
            caller: By whom: then pipelines that it must not know of are not there. None knows of all.

        The roles of EMR and Airflow read more than a caller may: only the uploads bucket and the pipeline's
        own are accepted, or a caller could have them read what it cannot read itself
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).

        Raises:
            UnknownPipelineError: There is no such pipeline.
            InvocationRefusedError: The pipeline may not do this.
        """
        known = self.list_for(caller) if caller else self.pipelines
        pipeline = _find(known, invocation.pipeline)
        accepted = list(dict.fromkeys([uploads_bucket, pipeline.arrival.bucket or uploads_bucket]))
        if invocation.bucket not in accepted:
            raise InvocationRefusedError(
                "input",
                f"{pipeline.name} reads no object of bucket {invocation.bucket!r}; "
                f"accepted: {' or '.join(accepted)}",
            )
        if not invocation.is_prefix:
            owner = Router(self.pipelines, uploads_bucket).find_owner(invocation.bucket, invocation.key)
            if owner not in {None, pipeline.name}:
                name = f"pipeline {owner!r}" if owner in {one.name for one in known} else "another pipeline"
                raise InvocationRefusedError("input", f"this object belongs to {name}")
        length = sum(map(len, invocation.arguments))
        if length > pipeline.argument_room:
            raise InvocationRefusedError(
                "arguments",
                f"they have {length:,} characters together, and EMR takes {pipeline.argument_room:,} beside "
                f"those of {pipeline.name}; put them into a file in S3 and name it",
            )
        return pipeline


def _find(pipelines: Iterable[CatalogPipeline], name: str) -> CatalogPipeline:
    known = {pipeline.name: pipeline for pipeline in pipelines}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=_NEAREST)
    hint = f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(known) or 'none'}"
    raise UnknownPipelineError(f"no pipeline is called {name!r}; {hint}")


def build_catalog(pipelines: Iterable[Pipeline], artifacts_bucket: str) -> Catalog:
    """Build the catalog of these pipelines."""
    ordered = sorted(pipelines, key=lambda pipeline: pipeline.name)
    return Catalog(pipelines=tuple(_describe(pipeline, artifacts_bucket) for pipeline in ordered))


def _describe(pipeline: Pipeline, artifacts_bucket: str) -> CatalogPipeline:
    # what makes a step is of no use to the function that reads a catalog
    from sparkdrop.core.emr_request import measure_argument_room

    arrival = pipeline.arrival
    return CatalogPipeline(
        name=pipeline.name,
        description=pipeline.description,
        arrival=CatalogArrival(
            mode=arrival.mode, keys=arrival.keys, bucket=arrival.bucket, hidden=arrival.hidden
        ),
        wait_for=pipeline.wait_for,
        format=pipeline.input.format,
        max_files=pipeline.batch.max_files,
        max_bytes=pipeline.batch.max_bytes,
        argument_room=measure_argument_room(pipeline, artifacts_bucket),
        upload=CatalogUpload(
            max_bytes=pipeline.upload.max_bytes,
            groups=pipeline.upload.groups,
            viewers=pipeline.upload.viewers,
        ),
    )


def describe_changes(before: Catalog | None, after: Catalog) -> list[str]:
    """Say in a line each what a new catalog changes."""
    old = {pipeline.name: pipeline for pipeline in before.pipelines} if before else {}
    new = {pipeline.name: pipeline for pipeline in after.pipelines}
    lines = {name: f"{name}: removed" for name in old.keys() - new.keys()}
    lines |= {name: f"{name}: added" for name in new.keys() - old.keys()}
    for name in old.keys() & new.keys():
        was, now = old[name].model_dump(mode="json"), new[name].model_dump(mode="json")
        changed = [field for field in now if was.get(field) != now[field]]
        if changed:
            lines[name] = f"{name}: changed {', '.join(changed)}"
    return [lines[name] for name in sorted(lines)]

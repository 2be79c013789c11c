"""The manifest of a batch: what its Spark program reads, one of one's own as well as ours."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sparkdrop.core.emr_request import locate_batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.pipeline import Pipeline

MANIFEST_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One object version that a batch holds.

    Attributes:
        upload_id: The upload's id in the ledger.
        bucket: Its bucket.
        key: The raw key, not URL-encoded.
        version_id: S3's version; None in a bucket without versions.
        etag: S3's ETag; None where it is not known.
        bytes: The object's size.
    """

    upload_id: str
    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    bytes: int


def build_manifest(
    pipeline: Pipeline,
    deployment: Deployment,
    batch_id: str,
    files: Iterable[ManifestFile],
    *,
    region: str | None = None,
) -> dict[str, Any]:
    """Build what the Spark program reads: the batch's files, how to read them and where to write.

    Args:
        pipeline: Says how.
        deployment: Says where.
        batch_id: The batch.
        files: What it holds.
        region: The buckets' region; None leaves it to the cluster.
    """
    places = locate_batch(pipeline, deployment, batch_id)
    return {
        "version": MANIFEST_VERSION,
        "batch_id": batch_id,
        "pipeline": pipeline.name,
        "region": region,
        "files": [asdict(file) for file in files],
        "input": pipeline.input.describe(),
        "output": {
            "uri": places.output,
            "format": pipeline.output.format,
            "partition_by": list(pipeline.output.partition_by),
            "file_bytes": pipeline.output.file_bytes,
        },
        "rejects": pipeline.rejects.describe(places.rejects),
        "report_uri": places.report,
    }

"""What came out of the demo, read from outside as any client would: EMR's step times, the Parquet's rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from sparkdrop.aws.storage import split_uri
from sparkdrop_local.demo_figures import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparkdrop.client.following import Followed
    from sparkdrop_local.demo_figures import StepStarts

FIRST_ROWS = 5


# boto3 makes its clients from data: a stand-in for one needs only the calls that are made
def read_step_starts(emr: Any, steps: Iterable[tuple[str, str]]) -> StepStarts:  # noqa: ANN401
    """Ask EMR when each step began to run; those that never did are left out.

    https://docs.aws.amazon.com/emr/latest/APIReference/API_StepTimeline.html
    """
    starts: StepStarts = {}
    for job_flow_id, step_id in steps:
        step = emr.describe_step(ClusterId=job_flow_id, StepId=step_id)["Step"]
        start = step["Status"]["Timeline"].get("StartDateTime")
        if start is not None:
            starts[job_flow_id, step_id] = start
    return starts


def read_samples(s3: Any, uploads: Iterable[Followed]) -> dict[str, Sample]:  # noqa: ANN401 - see above
    """Read each pipeline's Parquet back: how many rows there are, and the first of them."""
    outputs: dict[str, set[str]] = {}
    for upload in uploads:
        if upload.succeeded and upload.view.get("output"):
            outputs.setdefault(upload.pipeline, set()).add(upload.view["output"])
    return {pipeline: read_sample(s3, uris) for pipeline, uris in outputs.items()}


def read_sample(s3: Any, outputs: Iterable[str]) -> Sample:  # noqa: ANN401 - see above
    """Read the Parquet files of these folders: all their row counts, and the first rows of the first file."""
    from pyarrow import parquet  # 0.3 s to import

    rows = 0
    first: tuple[str, list[dict[str, Any]]] | None = None
    for bucket, key in _list_parquet(s3, outputs):
        file = parquet.ParquetFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
        rows += file.metadata.num_rows
        if first is None and file.metadata.num_rows:
            batch = next(file.iter_batches(batch_size=FIRST_ROWS))
            partitions = _read_partitions(key)
            first = (f"s3://{bucket}/{key}", [partitions | row for row in batch.to_pylist()])
    return Sample(rows, *first) if first else Sample(rows)


def _list_parquet(s3: Any, outputs: Iterable[str]) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - see above
    for uri in sorted(outputs):
        bucket, prefix = split_uri(uri.rstrip("/") + "/")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                if found["Key"].endswith(".parquet"):
                    yield bucket, found["Key"]


def _read_partitions(key: str) -> dict[str, str]:
    """Columns that are folders (``month=1``), as Spark lays them out; the batch's own folder is none."""
    pairs = [folder.partition("=") for folder in key.split("/")[:-1]]
    return {name: value for name, equals, value in pairs if equals and name != "batch"}

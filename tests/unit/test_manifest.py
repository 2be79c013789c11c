"""The manifest tells a Spark program all that it needs."""

from sparkdrop.core.emr_request import locate_batch
from sparkdrop.core.manifest import ManifestFile, build_manifest

from .test_emr_request import BATCH, DEPLOYMENT, make


def test_the_manifest_says_all_that_the_program_needs():
    pipeline = make(
        input={"schema": "a INT", "nulls": ["NA"], "separator": ";", "charset": "Windows-1252"},
        rejects={"max_share": "12.5%", "max_rows": 7},
        output={"partition_by": ["a"], "file_bytes": "1 MiB", "prefix": "x/y"},
    )
    file = ManifestFile(
        upload_id="U", bucket="uploads", key="flights/a b+%.csv", version_id=None, etag="e", bytes=5
    )
    assert build_manifest(pipeline, DEPLOYMENT, BATCH, [file], region="eu-west-1") == {
        "version": 2,
        "batch_id": BATCH,
        "pipeline": "flights",
        "region": "eu-west-1",
        "files": [
            {
                "upload_id": "U",
                "bucket": "uploads",
                "key": "flights/a b+%.csv",
                "version_id": None,
                "etag": "e",
                "bytes": 5,
            }
        ],
        "input": {
            "format": "csv",
            "schema": "a INT",
            "columns": "exact",
            "charset": "cp1252",
            "nulls": ["NA"],
            "date_format": None,
            "timestamp_format": None,
            "time_zone": "UTC",
            "decimal": ".",
            "grouping": None,
            "leading_zeros": False,
            "csv": {
                "separator": ";",
                "quote": '"',
                "escape": None,
                "header": True,
                "skip_lines": 0,
                "comment": None,
            },
            "row_tag": None,
        },
        "output": {
            "uri": f"s3://curated/x/y/batch={BATCH}",
            "format": "parquet",
            "partition_by": ["a"],
            "file_bytes": 2**20,
        },
        "rejects": {
            "uri": f"s3://curated/_rejects/flights/batch={BATCH}",
            "max_share": 0.125,
            "max_rows": 7,
        },
        "report_uri": f"s3://artifacts/batches/{BATCH}/report.json",
    }
    assert (
        locate_batch(pipeline, DEPLOYMENT, BATCH).manifest == f"s3://artifacts/batches/{BATCH}/manifest.json"
    )

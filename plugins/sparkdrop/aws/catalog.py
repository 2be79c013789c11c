"""The catalog of pipelines in the artifacts bucket: published by a deployment, read by functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sparkdrop.core.catalog import CATALOG_KEY, Catalog, build_catalog, describe_changes
from sparkdrop.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_s3 import S3Client

    from sparkdrop.core.pipeline import Pipeline

_FRESH_SECONDS = 5.0
"""How long a function answers from what it read last before it asks S3 whether there is something newer."""


class CatalogReader:
    """Reads the catalog, and reads it again only when it has changed.

    Args:
        client: boto3's.
        bucket: the artifacts bucket.
        clock: seconds that only grow.
    """

    def __init__(self, client: S3Client, bucket: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._bucket = bucket
        self._clock = clock
        self._catalog = Catalog()
        self._etag: str | None = None
        self._fresh_until = float("-inf")

    def read(self) -> Catalog:
        """Read the catalog as it was a few seconds ago at most.

        Raises:
            StorageError: nobody has published one.
        """
        if self._clock() < self._fresh_until:
            return self._catalog
        request: Any = {"Bucket": self._bucket, "Key": CATALOG_KEY}
        if self._etag:
            request["IfNoneMatch"] = self._etag
        try:
            answer = self._client.get_object(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            # without s3:ListBucket S3 does not tell a missing object from a forbidden one:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
            if code in {"NoSuchKey", "AccessDenied"}:
                raise StorageError(
                    f"s3://{self._bucket}/{CATALOG_KEY} cannot be read: {code}; "
                    "`sparkdrop pipelines publish` writes it"
                ) from error
            if code not in {"304", "NotModified"}:
                raise
        else:
            self._catalog = Catalog.model_validate_json(answer["Body"].read())
            self._etag = answer["ETag"]
        self._fresh_until = self._clock() + _FRESH_SECONDS
        return self._catalog


def publish_pipelines(client: S3Client, bucket: str, pipelines: Iterable[Pipeline]) -> list[str]:
    """Write the catalog of these pipelines, unless it is there already.

    Returns:
        What has changed, a line each.
    """
    before = _read_published(client, bucket)
    after = build_catalog(pipelines, bucket)
    if before != after:
        client.put_object(
            Bucket=bucket,
            Key=CATALOG_KEY,
            Body=f"{after.model_dump_json(indent=1)}\n".encode(),
            ContentType="application/json",
        )
    return describe_changes(before, after)


def _read_published(client: S3Client, bucket: str) -> Catalog | None:
    """Read what is there; None where nothing is, or something that is no catalog."""
    try:
        body = client.get_object(Bucket=bucket, Key=CATALOG_KEY)["Body"].read()
        return Catalog.model_validate_json(body)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    except ValueError:  # pydantic's error is one
        return None

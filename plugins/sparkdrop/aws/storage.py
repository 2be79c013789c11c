"""What Sparkdrop keeps in S3: Spark programs, manifests, reports; and which objects are there."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from pydantic import ValidationError

from sparkdrop.aws.programs import read_parts
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.emr_request import BatchPlaces
from sparkdrop.core.errors import ConfigError, Problem, StorageError
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.program import ShippedProgram, hash_program, locate_program
from sparkdrop.core.report import BatchReport, FailureReport
from sparkdrop.core.uploads import Arrival

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_FOUND = {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}


class Storage:
    """S3, as one client sees it."""

    def __init__(self, *, client: "S3Client | None" = None) -> None:
        self.client = client or boto3.client("s3")

    @property
    def region(self) -> str | None:
        """The region that the client speaks to."""
        return self.client.meta.region_name

    def ensure_program(self, pipeline: Pipeline, deployment: Deployment) -> ShippedProgram:
        """Say where EMR finds a pipeline's Spark program and its parts, after putting them there if need be.

        The program is written last: where it is, all of it is, and one request tells.

        Raises:
            ConfigError: there is no such file in the folder of programs.
        """
        if not pipeline.job.is_shipped:
            return ShippedProgram(pipeline.job.program)
        path = Path(deployment.jobs_dir, pipeline.job.program)
        if not path.is_file():
            raise ConfigError(
                Problem(
                    file=pipeline.name,
                    path="job.program",
                    message=f"there is no file {pipeline.job.program!r} in {deployment.jobs_dir}",
                    hint="put it there, or name an s3:// URI",
                )
            )
        content, parts = path.read_bytes(), read_parts(path)
        digest = hash_program(content, parts)
        program = locate_program(pipeline, deployment, digest, has_parts=parts is not None)
        bucket, key = split_uri(program.uri)
        if self._head(bucket, key) is None:
            for uri in program.py_files:
                self.client.put_object(Bucket=bucket, Key=split_uri(uri)[1], Body=parts or b"")
            self.client.put_object(Bucket=bucket, Key=key, Body=content)
        return program

    def write_manifest(self, uri: str, manifest: Any) -> None:  # noqa: ANN401 - any JSON
        """Write a batch's manifest."""
        bucket, key = split_uri(uri)
        self.client.put_object(
            Bucket=bucket, Key=key, Body=json.dumps(manifest).encode(), ContentType="application/json"
        )

    def read_report(self, uri: str) -> BatchReport | None:
        """Read a job's report; None where the job left none.

        Raises:
            pydantic.ValidationError: what is there is no report, or its numbers contradict each other.
        """
        body = self._read(uri)
        return BatchReport.model_validate_json(body) if body is not None else None

    def read_failure(self, places: BatchPlaces) -> FailureReport | None:
        """Read why a job failed, in its own words; None where it left nothing that can be understood.

        A claim that is run again has the same places, and writes the manifest anew: what is older than that
        is of an earlier step.
        """
        written = self._list_times(places.manifest.rpartition("/")[0])
        noted_at, claimed_at = written.get(places.failure), written.get(places.manifest)
        if noted_at is None or (claimed_at and noted_at < claimed_at):
            return None
        try:
            return FailureReport.model_validate_json(self._read(places.failure) or b"")
        except ValidationError:
            return None

    def _list_times(self, folder: str) -> dict[str, datetime]:
        """List when the objects of a folder were written, the first thousand by name."""
        bucket, key = split_uri(folder)
        answer = self.client.list_objects_v2(Bucket=bucket, Prefix=f"{key}/")
        return {f"s3://{bucket}/{one['Key']}": one["LastModified"] for one in answer.get("Contents", [])}

    def read_text(self, uri: str) -> str | None:
        """Read a text that EMR wrote (unpacked if it is a .gz), or None where there is none yet."""
        body = self._read(uri)
        if body is None:
            return None
        return (gzip.decompress(body) if uri.endswith(".gz") else body).decode(errors="replace")

    def _read(self, uri: str) -> bytes | None:
        bucket, key = split_uri(uri)
        try:
            return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _is_not_found(error):
                return None
            raise

    def delete_folder(self, uri: str) -> None:
        """Delete every object under a folder; an empty one is no error."""
        bucket, key = split_uri(uri)
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{key.rstrip('/')}/"
        )
        for page in pages:
            found: Any = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if not found:
                continue
            answer = self.client.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            for error in answer.get("Errors", []):
                raise StorageError(
                    f"s3://{bucket}/{error.get('Key')} cannot be deleted: {error.get('Message')}; "
                    "the role needs s3:DeleteObject there"
                )

    def list_arrivals(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Arrival]:
        """List the objects under a prefix in the order of their keys, each with its current version.

        Versions are listed even where a plain listing would do, so that an upload gets the same identity
        from a listing as from S3's event.

        Args:
            bucket: the bucket.
            prefix: what the keys start with.
            after: only keys that come after this one.
        """
        request: Any = {"Bucket": bucket, "Prefix": prefix} | ({"KeyMarker": after} if after else {})
        for page in self.client.get_paginator("list_object_versions").paginate(**request):
            for version in page.get("Versions", []):
                # the key to start after is left out here as well: whether it counts differs among S3's likes
                if not version["IsLatest"] or version["Key"] <= (after or ""):
                    continue
                arrival = Arrival(
                    bucket=bucket,
                    key=version["Key"],
                    version_id=_real_version(version["VersionId"]),
                    etag=version["ETag"].strip('"'),
                    bytes=version["Size"],
                    arrived_at=version["LastModified"],
                )
                if not arrival.is_marker:
                    yield arrival

    def find_deletion(self, bucket: str, key: str) -> datetime | None:
        """Say since when an object is gone; None where it is there, or the bucket keeps no versions."""
        answer = self.client.list_object_versions(Bucket=bucket, Prefix=key)
        markers = answer.get("DeleteMarkers", [])
        return next((one["LastModified"] for one in markers if one["Key"] == key and one["IsLatest"]), None)

    def read_arrival(self, bucket: str, key: str) -> Arrival | None:
        """Read what S3 knows of an object, or None where there is none, or merely a folder's marker."""
        head = self._head(bucket, key)
        if head is None:
            return None
        arrival = Arrival(
            bucket=bucket,
            key=key,
            version_id=_real_version(head.get("VersionId")),
            etag=head["ETag"].strip('"'),
            bytes=head["ContentLength"],
            arrived_at=head["LastModified"],
        )
        return None if arrival.is_marker else arrival

    def _head(self, bucket: str, key: str) -> Any:  # noqa: ANN401 - the shape is boto3's, or None
        try:
            return self.client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _is_not_found(error):
                return None
            raise


def _is_not_found(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in _NOT_FOUND


def _real_version(version_id: str | None) -> str | None:
    return None if version_id in {None, "null"} else version_id


def split_uri(uri: str) -> tuple[str, str]:
    """Cut ``s3://bucket/key`` into bucket and key; a key may hold any character."""
    parts = uri.removeprefix("s3://").split("/", 1)
    return parts[0], parts[1] if len(parts) > 1 else ""

"""Putting local files into S3: in parts, with a checksum, and with the identity that each one gets."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.core.uploads import Arrival

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FILES_AT_ONCE = 4
# the two calls that an upload can end with; only their answers name the version that it became
_LAST_CALLS = ("PutObject", "CompleteMultipartUpload")
_OBJECT = "sparkdrop_object"


@dataclass(frozen=True, slots=True)
class Drop:
    """A file and the place that it goes to.

    Attributes:
        path: the local file.
        pipeline: whose patterns the key matches.
        bucket: the bucket.
        key: the key, not URL-encoded.
    """

    path: Path
    pipeline: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Landing:
    """What became of a drop.

    Attributes:
        drop: what was asked for.
        arrival: the object version that it is now; None where it failed.
        error: why it failed.
    """

    drop: Drop
    arrival: Arrival | None
    error: str | None = None


class Uploader:
    """Uploads files with boto3's transfer manager: large ones in parts, several parts at once.

    The transfer manager keeps S3's last answer to itself, and asking afterwards could find the next version
    of the key; so the answer is taken from the client's events, where request and answer share a context.
    https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """

    def __init__(self, *, client: "S3Client | None" = None) -> None:
        self.client = client or boto3.client("s3")
        self._answers: dict[tuple[str, str], Any] = {}
        for call in _LAST_CALLS:
            self.client.meta.events.register(f"before-parameter-build.s3.{call}", self._note_object)
            self.client.meta.events.register(f"after-call.s3.{call}", self._note_answer)

    def upload(self, drop: Drop, report_bytes: Callable[[int], None] = lambda _: None) -> Arrival:
        """Upload one file and tell which object version it is now.

        Its id's time is the moment of S3's answer; S3's event may tell another moment for the same version.

        Args:
            drop: what goes where.
            report_bytes: called from other threads with the number of bytes just sent.

        Raises:
            boto3.exceptions.S3UploadFailedError: S3 refuses it.
            botocore.exceptions.BotoCoreError: S3 is out of reach, or there are no credentials.
            OSError: the file cannot be read.
        """
        self.client.upload_file(
            str(drop.path),
            drop.bucket,
            drop.key,
            Callback=report_bytes,
            # S3 refuses bytes that were damaged on the way
            ExtraArgs={"ChecksumAlgorithm": "SHA256"},
        )
        answer = self._answers.pop((drop.bucket, drop.key))
        version_id = answer.get("VersionId")
        return Arrival(
            bucket=drop.bucket,
            key=drop.key,
            version_id=None if version_id == "null" else version_id,
            etag=answer["ETag"].strip('"'),
            bytes=drop.path.stat().st_size,
            arrived_at=datetime.now(UTC),
        )

    def upload_all(
        self, drops: Iterable[Drop], report_bytes: Callable[[int], None] = lambda _: None
    ) -> Iterator[Landing]:
        """Upload files, a few at once; yield each as it ends. One that fails does not stop the others."""
        pool = ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="upload")
        try:
            for ended in as_completed([pool.submit(self._try, drop, report_bytes) for drop in drops]):
                yield ended.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _try(self, drop: Drop, report_bytes: Callable[[int], None]) -> Landing:
        try:
            return Landing(drop, self.upload(drop, report_bytes))
        except (S3UploadFailedError, BotoCoreError, ClientError, OSError) as error:
            return Landing(drop, None, str(error))

    def _note_object(self, *, params: Any, context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's
        context[_OBJECT] = (params["Bucket"], params["Key"])

    def _note_answer(self, *, parsed: Any, context: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's
        if "ETag" in parsed:  # a refusal has none
            self._answers[context[_OBJECT]] = parsed

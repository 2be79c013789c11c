"""The AWS beside us: programs and logs in S3, and clients of its other services."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import boto3
from botocore.config import Config

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.settings import EmrSettings

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_s3 import S3Client

_SCHEMES = ("s3://", "s3a://", "s3n://")
_LOCAL_KEY = "local"
# who puts events: EMR itself, while S3 is read and written with the rights of the nodes
_OWN_KEY = "elasticmapreduce"
_CHUNK_BYTES = 1024 * 1024


class EndpointUnknownError(SparkdropError):
    """The emulated S3's address is not known yet."""


def is_s3_uri(text: str) -> bool:
    """Tell whether a text names an object in S3."""
    return text.startswith(_SCHEMES)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Split a URI into bucket and key; the key is taken as it is, never URL-decoded."""
    bucket, _, key = uri.split("://", 1)[1].partition("/")
    return bucket, key


class Storage:
    """AWS at the emulation's own endpoint. Clients are made at first use: the port is known late."""

    def __init__(self, settings: EmrSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._endpoint_url = settings.endpoint_url
        self._clients: dict[str, BaseClient] = {}

    @property
    def is_reachable(self) -> bool:
        """Whether the endpoint is known."""
        return self._endpoint_url is not None

    @property
    def endpoint_url(self) -> str:
        """Where S3 answers.

        Raises:
            EndpointUnknownError: nobody has told. Without this a step would speak to the real AWS.
        """
        if self._endpoint_url is None:
            raise EndpointUnknownError(
                "the local EMR does not know where S3 answers: call EmrApp.set_endpoint_url"
            )
        return self._endpoint_url

    def set_endpoint_url(self, endpoint_url: str) -> None:
        """Take the endpoint, once the server's port is known."""
        with self._lock:
            self._endpoint_url = endpoint_url
            self._clients.clear()

    def environment(self) -> dict[str, str]:
        """Give the AWS_* variables with which a step reaches this S3."""
        region = self._settings.region
        return {
            "AWS_ACCESS_KEY_ID": _LOCAL_KEY,
            "AWS_SECRET_ACCESS_KEY": _LOCAL_KEY,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            **self._settings.environment,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def download(self, uri: str, folder: Path) -> Path:
        """Download an object into a folder, under the last part of its key.

        Raises:
            botocore.exceptions.ClientError: it is not there.
        """
        bucket, key = split_s3_uri(uri)
        target = folder / (Path(key).name or "object")
        folder.mkdir(parents=True, exist_ok=True)
        answer = self.client("s3").get_object(Bucket=bucket, Key=key)
        with target.open("wb") as file:
            for chunk in answer["Body"].iter_chunks(_CHUNK_BYTES):
                file.write(chunk)
        return target

    def upload(self, uri: str, body: bytes) -> None:
        """Upload an object."""
        bucket, key = split_s3_uri(uri)
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    @overload
    def client(self, service: Literal["s3"]) -> "S3Client": ...
    @overload
    def client(self, service: str) -> Any: ...  # noqa: ANN401 - the service's own client
    def client(self, service: str) -> Any:
        """Give a client; boto3's clients may be shared between threads, the making of one may not."""
        with self._lock:
            if service not in self._clients:
                environment = self.environment()
                if service != "s3":
                    environment |= {"AWS_ACCESS_KEY_ID": _OWN_KEY, "AWS_SECRET_ACCESS_KEY": _LOCAL_KEY}
                self._clients[service] = boto3.client(  # type: ignore[call-overload]  # any service
                    service,
                    endpoint_url=self.endpoint_url,
                    region_name=environment["AWS_REGION"],
                    aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                    aws_session_token=environment.get("AWS_SESSION_TOKEN"),
                    config=Config(
                        s3={"addressing_style": "path"},
                        # a server that has gone must not hold up the end of a step
                        connect_timeout=2,
                        read_timeout=30,
                        retries={"total_max_attempts": 2},
                        max_pool_connections=32,
                    ),
                )
            return self._clients[service]

"""Sessions of the role that links speak for, and S3 as it sees it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .clients import make_client, make_session

if TYPE_CHECKING:
    from collections.abc import Callable

_SESSION_SECONDS = 3600
"""The longest session that a role may have which another role has taken.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""
_MARGIN = timedelta(seconds=60)
"""What clocks may differ by, and what a request may take."""


class UploadRole:
    """Keeps a session of the role that outlasts the next link.

    Args:
        arn: The role.
        link_seconds: How long a link is good for: it ends with the session that signed it.
        clock: Says what time it is.
    """

    def __init__(self, arn: str, link_seconds: int, *, clock: Callable[[], datetime]) -> None:
        self._arn = arn
        self._lasting = timedelta(seconds=link_seconds) + _MARGIN
        self._now = clock
        self._session: Any = None
        self._client: Any = None
        self._ends_at = datetime.min.replace(tzinfo=UTC)

    def get_client(self) -> Any:  # noqa: ANN401 - botocore makes its clients at run time
        """S3, with a session of the role that is good for another link."""
        if self._ends_at - self._now() < self._lasting:
            self._renew()
        return self._client

    def find_expiry(self, seconds: int) -> tuple[int, datetime]:
        """How long a signature may last from now on, in whole seconds, and when that is over."""
        now = self._now().replace(microsecond=0)
        left = min(seconds, int((self._ends_at - now).total_seconds()))
        return left, now + timedelta(seconds=left)

    def _renew(self) -> None:
        found = make_client("sts").assume_role(
            RoleArn=self._arn, RoleSessionName="sparkdrop-links", DurationSeconds=_SESSION_SECONDS
        )["Credentials"]
        names = found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
        if self._client is None:
            self._session = make_session()
            self._session.set_credentials(*names)
            self._client = make_upload_client(self._session)
        else:
            # the client signs with this very object, and making another client takes 50 ms
            credentials = self._session.get_credentials()
            credentials.access_key, credentials.secret_key, credentials.token = names
        self._ends_at = found["Expiration"]


def make_upload_client(session: Any) -> Any:  # noqa: ANN401 - botocore has no types
    """S3 for signing: always with version 4, and by the bucket's own regional name.

    Without a style botocore signs for S3's global name, which sends a browser elsewhere for a bucket of
    another region, and no redirect passes CORS. An endpoint on loopback has no names for buckets.
    """
    from botocore.config import Config

    has_endpoint = any(name in os.environ for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if has_endpoint else "virtual"},
        # no checksum but the one that a link's caller has declared
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=1,
        # S3 takes its time to put thousands of parts together
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    return session.create_client("s3", config=config)

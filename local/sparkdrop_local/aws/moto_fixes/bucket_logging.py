"""Server access logs into a bucket whose policy is set later.

A template's log bucket names the logged buckets in its policy, so the policy comes after them. S3 looks at
the policy when it delivers a log; moto refuses PutBucketLogging until the policy is there.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
"""

from __future__ import annotations

from moto.s3.models import FakeBucket


def _may_deliver(**_: object) -> bool:
    return True


def apply() -> None:
    """Let moto's buckets take it this way."""
    FakeBucket._log_permissions_enabled_policy = staticmethod(_may_deliver)  # type: ignore[method-assign, assignment] # noqa: SLF001 - there is no public place for it

"""Where moto differs from AWS in what Sparkdrop relies on, mended in one place each and nowhere else."""

from __future__ import annotations

from sparkdrop_local.aws.moto_fixes import (
    bucket_logging,
    bucket_notifications,
    bucket_policies,
    dynamodb_atomicity,
    dynamodb_transactions,
    long_polls,
    managed_policies,
    s3_checksums,
    s3_events,
    s3_form_bodies,
    s3_multipart,
    s3_versions,
)


def apply_fixes() -> None:
    """Mend moto in this process; a second call changes nothing."""
    s3_events.apply()
    s3_form_bodies.apply()
    s3_multipart.apply()
    s3_versions.apply()
    bucket_logging.apply()
    bucket_notifications.apply()
    bucket_policies.apply()
    dynamodb_atomicity.apply()
    dynamodb_transactions.apply()
    long_polls.apply()
    managed_policies.apply()
    # after bucket_notifications, whose hook it takes over
    s3_checksums.apply()

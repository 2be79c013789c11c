"""The key that a stage's data is encrypted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_kms as kms
from constructs import Construct

if TYPE_CHECKING:
    import aws_cdk as cdk


class DataKey(Construct):
    """A customer key: each use is on record in CloudTrail, and it can be taken away.

    Its policy is KMS's default: the policies of this account's principals decide. S3 itself needs no word in
    it, because it uses the key in the name of whoever reads or writes
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html); nor does EventBridge,
    whose events tell of an object and hold nothing of it.

    Attributes:
        key: The key.
    """

    def __init__(self, scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy) -> None:
        """Create the key; it goes where its data goes, since neither is of use without the other."""
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="Uploads, results and programs",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )

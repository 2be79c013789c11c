"""The key that nodes' disks are encrypted with."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct


class DiskKey(Construct):
    """A key apart from the data's, as EMR recommends.

    EMR and the nodes use it themselves, and not through S3 or EC2 only: a node asks for the key of a LUKS
    disk. Under the data's key, that would be a way around what S3 lets them read.
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html

    Attributes:
        key: The key.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Create the key; it goes with its stack, since a disk ends with its node."""
        super().__init__(scope, construct_id)
        self.key = kms.Key(
            self,
            "Key",
            description="Disks of clusters' nodes",
            enable_key_rotation=True,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

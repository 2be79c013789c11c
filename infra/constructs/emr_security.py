"""EMR's security configuration, which every cluster of a stage has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_emr as emr
from constructs import Construct

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms


class EmrSecurity(Construct):
    """Nodes hand out credentials by IMDSv2 only; with a key of one's own, their disks are encrypted with it.

    Traffic between nodes is not encrypted: EMR needs a certificate for that, and the nodes of one cluster
    talk in security groups that admit nobody else. S3 is reached by TLS.

    EBS volumes are encrypted by EC2. A volume of the node's own that is no NVMe disk (older instance types)
    the node encrypts with LUKS, and asks KMS for its key: such types need a way to KMS, a NAT gateway.
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-data-encryption-options.html

    Attributes:
        name: Its name, RunJobFlow's SecurityConfiguration.
    """

    def __init__(self, scope: Construct, construct_id: str, *, disk_key: kms.IKey | None) -> None:
        """Create the security configuration.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            disk_key: What the nodes' disks are encrypted with; None leaves that to the account's settings.
        """
        super().__init__(scope, construct_id)
        # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
        configuration: dict[str, Any] = {
            "InstanceMetadataServiceConfiguration": {
                "MinimumInstanceMetadataServiceVersion": 2,
                "HttpPutResponseHopLimit": 1,
            }
        }
        if disk_key:
            configuration["EncryptionConfiguration"] = {
                "EnableInTransitEncryption": False,
                "EnableAtRestEncryption": True,
                "AtRestEncryptionConfiguration": {
                    "LocalDiskEncryptionConfiguration": {
                        "EncryptionKeyProviderType": "AwsKms",
                        "AwsKmsKey": disk_key.key_arn,
                        "EnableEbsEncryption": True,
                    }
                },
            }
        resource = emr.CfnSecurityConfiguration(self, "Configuration", security_configuration=configuration)
        self.name = resource.ref

"""What EMR itself may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.key_use import allow_disk_key

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

_MANAGED = "service-role/AmazonEMRServicePolicy_v2"


class EmrServiceRole(Construct):
    """EMR's service role: it starts and ends nodes in what carries EMR's tag, and hands them one role.

    Attributes:
        role: The role.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, instance: iam.IRole, disk_key: kms.IKey | None
    ) -> None:
        """Create the role.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            instance: The role of nodes: the only one that EMR may pass on.
            disk_key: What the nodes' volumes are encrypted with; None leaves that to the account's settings.
        """
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        # A stranger's cluster cannot make EMR act as this role:
        # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-iam-role.html
        principal = iam.ServicePrincipal(
            "elasticmapreduce.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {
                    "aws:SourceArn": stack.format_arn(
                        service="elasticmapreduce",
                        resource="*",
                        arn_format=cdk.ArnFormat.NO_RESOURCE_NAME,
                    )
                },
            },
        )
        self.role = iam.Role(
            self,
            "Role",
            description="EMR: starts and ends the nodes of clusters",
            assumed_by=principal,
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_MANAGED)],
        )
        cdk.Validations.of(self.role).acknowledge(
            cdk.Acknowledgment(
                id=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_MANAGED}]",
                reason="EMR's own policy follows what EMR calls; it reaches only what carries EMR's tag, and "
                "clusters fail where an own copy of it is older than EMR",
            )
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[instance.role_arn],
                # China's EC2 has a name of its own
                conditions={
                    "StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}
                },
            )
        )
        if disk_key:
            self._allow_encrypted_volumes(disk_key)

    def _allow_encrypted_volumes(self, key: kms.IKey) -> None:
        """Create volumes under the key.

        https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
        """
        self.role.add_to_policy(allow_disk_key(key))
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[key.key_arn],
                # only what EC2 keeps for a volume
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )

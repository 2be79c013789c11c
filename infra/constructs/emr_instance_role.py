"""What a cluster's nodes may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_objects, acknowledge_wildcard
from infra.constructs.key_use import allow_disk_key

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3

# RunJobFlow's LogUri, as sparkdrop.core.emr_request writes it
_LOGS = "emr/*"


class EmrInstanceRole(Construct):
    """The role of nodes, and so of the Spark jobs on them, with the profile that hands it over.

    Attributes:
        role: The role.
        profile: Its profile.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        data: iam.IManagedPolicy,
        logs: s3.IBucket,
        disk_key: kms.IKey | None,
        session_manager: bool,
    ) -> None:
        """Create role and profile.

        Args:
            scope: The parent.
            construct_id: Its id, which the parent's does not hold.
            data: What Spark jobs do with data.
            logs: Where nodes put EMR's logs.
            disk_key: What the nodes' disks are encrypted with; None leaves that to the account's settings.
            session_manager: Whether people may get a shell by Session Manager: for a stage that has a cluster
                to develop on.
        """
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            description="The nodes of clusters, and the Spark jobs on them",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            managed_policies=[data],
        )
        self.profile = iam.InstanceProfile(self, "Profile", role=self.role)
        self._allow_node_work(logs)
        if disk_key:
            self._allow_encrypted_disks(disk_key)
        if session_manager:
            self._allow_session_manager()

    def _allow_node_work(self, logs: s3.IBucket) -> None:
        """Put logs, and read EMR's own scripts: anyone may, but a signed request asks the role as well.

        https://docs.aws.amazon.com/emr/latest/ManagementGuide/private-subnet-iampolicy.html
        """
        stack = cdk.Stack.of(self)
        scripts = f"arn:{stack.partition}:s3:::{stack.region}.elasticmapreduce/*"
        policy = iam.Policy(
            self,
            "Node",
            roles=[self.role],
            statements=[
                iam.PolicyStatement(
                    actions=["s3:AbortMultipartUpload", "s3:PutObject"],
                    resources=[logs.arn_for_objects(_LOGS)],
                ),
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[scripts]),
            ],
        )
        acknowledge_objects(policy, logs, _LOGS, "A log's folder is the cluster's id")
        acknowledge_wildcard(policy, scripts, "A bucket of AWS's, public and read only, with a script a name")

    def _allow_encrypted_disks(self, key: kms.IKey) -> None:
        """Open the disks, of which the node's own it encrypts itself.

        https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
        """
        iam.Policy(
            self,
            "Disks",
            roles=[self.role],
            statements=[allow_disk_key(key)],
        )

    def _allow_session_manager(self) -> None:
        """Let the node's agent talk with Session Manager: the least of what it needs.

        https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
        """
        nodes = cdk.Stack.of(self).format_arn(service="ec2", resource="instance", resource_name="*")
        policy = iam.Policy(
            self,
            "SessionManager",
            roles=[self.role],
            statements=[
                # of an instance: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
                iam.PolicyStatement(actions=["ssm:UpdateInstanceInformation"], resources=[nodes]),
                iam.PolicyStatement(
                    actions=[
                        "ssmmessages:CreateControlChannel",
                        "ssmmessages:CreateDataChannel",
                        "ssmmessages:OpenControlChannel",
                        "ssmmessages:OpenDataChannel",
                    ],
                    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmessagegatewayservice.html
                    resources=["*"],
                ),
            ],
        )
        acknowledge_wildcard(policy, nodes, "A node's id is known to none before")
        acknowledge_wildcard(policy, "*", "The channels' calls take no resource")

"""A log group that forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    import aws_cdk as cdk


class ServiceLog(Construct):
    """A log group of CloudWatch's whose lines are deleted after some days.

    Attributes:
        group: The log group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        days: int,
        removal_policy: cdk.RemovalPolicy,
        name: str | None = None,
    ) -> None:
        """Create the group.

        Args:
            scope: The parent.
            construct_id: Its id.
            days: How long a line is kept.
            removal_policy: What deleting the stack does to the group.
            name: Its name, where a service asks for one; None leaves it to CloudFormation.
        """
        super().__init__(scope, construct_id)
        self.group = logs.LogGroup(self, "Group", log_group_name=name, removal_policy=removal_policy)
        resource = self.group.node.default_child
        if not isinstance(resource, logs.CfnLogGroup):
            raise TypeError(f"{self.node.path}: the group's resource is not an AWS::Logs::LogGroup")
        # a number here; the L2 names each in words
        resource.retention_in_days = days

"""The topic of what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Iterable

# Who puts alarms on the topic: https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
ALARMS = "cloudwatch.amazonaws.com"


class AlertTopic(Construct):
    """An SNS topic that the account's CloudWatch alarms, and nobody else's, may publish to.

    Attributes:
        topic: The topic.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, emails: Iterable[str], customer_key: bool
    ) -> None:
        """Create the topic.

        Args:
            scope: The parent.
            construct_id: Its id.
            emails: Who is subscribed; SNS asks each to confirm.
            customer_key: Whether messages are encrypted at rest, which takes a key of one's own: alarms may
                not use SNS's (https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns). What a
                message tells is the name and the state of an alarm.
        """
        super().__init__(scope, construct_id)
        key = self._create_key() if customer_key else None
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        # a topic with a policy of its own has lost the default one, which let the account publish
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[self._alarms()],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
            )
        )
        for email in emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))

    def _create_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Alerts on their way from an alarm to those who are subscribed",
            enable_key_rotation=True,
            # nothing is kept under it: a message is gone once it is delivered
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[self._alarms()],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                # in a key's policy this is the key:
                # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
                resources=["*"],
            )
        )
        return key

    def _alarms(self) -> iam.PrincipalWithConditions:
        # else another account's alarm could speak through the service
        account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        return iam.PrincipalWithConditions(iam.ServicePrincipal(ALARMS), account)

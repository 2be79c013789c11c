"""From an object in the uploads bucket to the queue that Airflow reads; the ledger; the alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from infra.constructs.alert_topic import AlertTopic
from infra.constructs.arrivals_alarms import ArrivalsAlarms
from infra.constructs.arrivals_archive import ArrivalsArchive
from infra.constructs.arrivals_queue import ArrivalsQueue
from infra.constructs.ledger_table import LedgerTable
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.settings.model import StageSettings


class EventsStack(StageStack):
    """The arrivals queue with its archive, the ledger, and the alarms on both.

    Attributes:
        arrivals: The queue of objects that landed.
        dead_letters: What could not be read or delivered.
        ledger: The table of every upload's state.
        alerts: The topic of what needs a person.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        removal_policy: cdk.RemovalPolicy,
        uploads: s3.IBucket,
    ) -> None:
        """Create queue, archive, table and alarms for the bucket ``uploads``."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="events",
            description="from an object in the uploads bucket to the arrivals queue, and the ledger",
        )
        arrivals = ArrivalsQueue(self, "Arrivals", uploads=uploads)
        archive = ArrivalsArchive(
            self,
            "Archive",
            arrivals=arrivals,
            days=settings.alerts.archive_days,
            removal_policy=removal_policy,
        ).archive
        ledger = LedgerTable(self, "Ledger", removal_policy=removal_policy)
        alerts = AlertTopic(
            self, "Alerts", emails=settings.alerts.emails, customer_key=settings.encryption == "kms"
        )
        ArrivalsAlarms(
            self,
            "Alarms",
            arrivals=arrivals,
            ledger=ledger.table,
            oldest_message_minutes=settings.alerts.oldest_message_minutes,
            alerts=alerts.topic,
        )

        self.arrivals: sqs.IQueue = arrivals.queue
        self.dead_letters: sqs.IQueue = arrivals.dead_letters
        self.ledger: dynamodb.ITable = ledger.table
        self.alerts: sns.ITopic = alerts.topic
        cdk.CfnOutput(self, "ArrivalsQueueUrl", value=self.arrivals.queue_url)
        cdk.CfnOutput(self, "ArrivalsDeadLetterQueueUrl", value=self.dead_letters.queue_url)
        # the two that `aws events start-replay` asks for
        cdk.CfnOutput(self, "ArrivalsArchiveArn", value=archive.archive_arn)
        cdk.CfnOutput(self, "ArrivalsRuleArn", value=arrivals.rule.rule_arn)
        cdk.CfnOutput(self, "LedgerTable", value=self.ledger.table_name)
        cdk.CfnOutput(self, "AlertsTopicArn", value=self.alerts.topic_arn)

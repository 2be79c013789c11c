"""What stands between an upload and its pipeline, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.ledger_table import LIST_INDEXES

if TYPE_CHECKING:
    from infra.constructs.arrivals_queue import ArrivalsQueue

PERIOD = cdk.Duration.minutes(5)
# DynamoDB splits a hot partition within minutes, and clients try again meanwhile: three periods are no burst
LASTING = 3


class ArrivalsAlarms(Construct):
    """Four alarms, each on what does not mend itself. Each metric of an alarm costs 0.10 USD a month.

    No data is no alarm: queue and rule send none where nothing happens.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        arrivals: ArrivalsQueue,
        ledger: dynamodb.ITable,
        oldest_message_minutes: int,
        alerts: sns.ITopic,
    ) -> None:
        """Watch queue, dead letters, rule and ledger, and tell ``alerts``."""
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(alerts)
        self._add(
            "DeadLetters",
            "The arrivals' dead-letter queue holds messages: no S3 event, or one that was not delivered."
            " Read them, move back what has to be processed with SQS's redrive, and delete the rest.",
            arrivals.dead_letters.metric_approximate_number_of_messages_visible(
                period=PERIOD, statistic="Maximum"
            ),
            above=0,
        )
        self._add(
            "OldestMessage",
            f"The arrivals queue's oldest message has waited for more than {oldest_message_minutes} minutes:"
            " nobody reads. Is Airflow's triggerer up, and may it read the queue and write the ledger?",
            arrivals.queue.metric_approximate_age_of_oldest_message(period=PERIOD, statistic="Maximum"),
            above=oldest_message_minutes * 60,
        )
        self._add(
            "LostEvents",
            "EventBridge could deliver arrivals neither to the queue nor to the dead letters. Mend the"
            " queues' policies, then replay the archive into the rule, or let reconcile find the objects.",
            _count_lost_events(arrivals),
            above=0,
        )
        self._add(
            "LedgerThrottles",
            "DynamoDB has throttled writes to the ledger for 15 minutes: batches start late, nothing is lost."
            " Look for a pipeline that gets far more files than the others, or ask AWS for a higher limit.",
            _count_throttles(ledger),
            above=0,
            periods=LASTING,
        )

    def _add(
        self, name: str, description: str, metric: cloudwatch.IMetric, *, above: int, periods: int = 1
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=description,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)


def _count_lost_events(arrivals: ArrivalsQueue) -> cloudwatch.IMetric:
    """Count what failed and could not be kept.

    What failed and was kept is a dead letter: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="InvocationsFailedToBeSentToDlq",
        dimensions_map={"RuleName": arrivals.rule.rule_name},
        statistic="Sum",
        period=PERIOD,
    )


def _count_throttles(ledger: dynamodb.ITable) -> cloudwatch.IMetric:
    """Count throttled writes of table and list indexes: an index that cannot follow throttles the table.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    """
    places = {"table": {}, **{name: {"GlobalSecondaryIndexName": name} for name in LIST_INDEXES}}
    metrics: dict[str, cloudwatch.IMetric] = {
        name: cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name="WriteThrottleEvents",
            dimensions_map={"TableName": ledger.table_name, **place},
            statistic="Sum",
            period=PERIOD,
        )
        for name, place in places.items()
    }
    # a place without throttles sends no data
    total = " + ".join(f"FILL({name}, 0)" for name in metrics)
    return cloudwatch.MathExpression(
        expression=total, using_metrics=metrics, label="Throttled writes", period=PERIOD
    )

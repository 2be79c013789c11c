"""What is wrong with the API, told to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_sns as sns

PERIOD = cdk.Duration.minutes(5)
# Of a call's answers. Two of three periods: one failure in a quiet night is no alarm
FAILED_SHARE = 0.05
PERIODS, BREACHING = 3, 2


class ApiAlarms(Construct):
    """One alarm for each call, on the share of 5xx: 0.10 USD a month each.

    Not on the stage's sum, in which a call that is seldom made could fail for ever without being seen.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: apigateway.IStage,
        methods: Mapping[str, apigateway.Method],
        alerts: sns.ITopic,
    ) -> None:
        """Watch ``methods`` (by name, as in ``POST /invoke``), and tell ``alerts``."""
        super().__init__(scope, construct_id)
        action = actions.SnsAction(alerts)
        for name, method in methods.items():
            alarm = cloudwatch.Alarm(
                self,
                "".join(part for part in name.title() if part.isalnum()),
                alarm_description=f"More than {FAILED_SHARE:.0%} of the answers to {name} are 5xx."
                " The function's log, and the API's with the request ids, tell why.",
                # its average is the share: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
                metric=method.metric_server_error(stage, period=PERIOD, statistic="Average"),
                threshold=FAILED_SHARE,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                evaluation_periods=PERIODS,
                datapoints_to_alarm=BREACHING,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(action)
            alarm.add_ok_action(action)

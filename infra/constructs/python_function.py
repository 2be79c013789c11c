"""A Lambda function of ours: packed here, with a role and a log of its own, and told of when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.acknowledged_wildcards import acknowledge_wildcard
from infra.constructs.service_log import ServiceLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aws_cdk import aws_sns as sns

    from infra.settings.sections import FunctionSettings

RUNTIME = lambda_.Runtime.PYTHON_3_13
PERIOD = cdk.Duration.minutes(5)


class PythonFunction(Construct):
    """A function on arm64, which costs a fifth less than x86 for the same work.

    Attributes:
        function: The function.
        role: What it may do: write its own log, and nothing else before something is added.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        package: Path,
        handler: str,
        settings: FunctionSettings,
        log_days: int,
        environment: Mapping[str, str],
        alerts: sns.ITopic,
    ) -> None:
        """Create function, role, log and alarms.

        Args:
            scope: The parent.
            construct_id: Its id.
            description: What the console shows.
            package: The folder of its code, built for `RUNTIME` and arm64.
            handler: Module and function that Lambda calls.
            settings: Memory, time, concurrency, tracing.
            log_days: When CloudWatch deletes a line of its log.
            environment: Its names and values.
            alerts: Where its alarms go.
        """
        super().__init__(scope, construct_id)
        log = ServiceLog(self, "Log", days=log_days, removal_policy=cdk.RemovalPolicy.DESTROY).group
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the function may do: {description}",
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="WriteOwnLog",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                # every stream of this log group, and no other group
                resources=[log.log_group_arn],
            )
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler=handler,
            # Python writes its caches next to what it imports: no part of the package
            code=lambda_.Code.from_asset(str(package), exclude=["**/__pycache__"]),
            # a role that is given gets no managed policy of AWS, which would write to every log group
            role=self.role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.JSON,
            memory_size=settings.memory_mib,
            timeout=cdk.Duration.seconds(settings.timeout_seconds),
            reserved_concurrent_executions=settings.reserved_concurrency,
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else lambda_.Tracing.DISABLED,
            environment=dict(environment),
        )
        if settings.tracing:
            # CDK's own statement: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
            acknowledge_wildcard(self.role, "*", "X-Ray knows no resource that a segment could be written to")
        cdk.Validations.of(self.function).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-L1",
                reason="Python 3.13 is the newest that Sparkdrop supports and tests (requires-python)",
            )
        )
        self._add_alarm(
            "Errors",
            f"The function has failed ({description}): it ran out of time or memory, or could not be started."
            " What it could answer for itself is a 5xx of the API; its log says more of both.",
            self.function.metric_errors(period=PERIOD, statistic="Sum"),
            alerts,
        )
        self._add_alarm(
            "Throttles",
            f"Lambda has refused calls ({description}): more at once than the function's or the account's"
            " concurrency permits. Nothing is recorded of them; callers have to try again.",
            self.function.metric_throttles(period=PERIOD, statistic="Sum"),
            alerts,
        )

    def allow(
        self,
        sid: str,
        actions: list[str],
        resource: str,
        conditions: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        """Let the function do more: these actions, on this one resource."""
        self.role.add_to_policy(
            iam.PolicyStatement(sid=sid, actions=actions, resources=[resource], conditions=conditions)
        )

    def _add_alarm(self, name: str, description: str, metric: cloudwatch.IMetric, alerts: sns.ITopic) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=description,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(alerts))
        alarm.add_ok_action(actions.SnsAction(alerts))

"""The REST API's frame: endpoint, stage, limits and logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from infra.constructs.service_log import ServiceLog

if TYPE_CHECKING:
    from aws_cdk import aws_logs as logs

    from infra.constructs.api_access import ApiAccess
    from infra.settings.model import StageSettings

# One line a call, with no body, no query string and no header in it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
ACCESS_LOG_FIELDS = {
    "time": "$context.requestTimeEpoch",
    "request_id": "$context.requestId",
    "extended_request_id": "$context.extendedRequestId",
    "trace_id": "$context.xrayTraceId",
    "source_ip": "$context.identity.sourceIp",
    "caller": "$context.identity.userArn",
    "user": "$context.authorizer.claims.sub",
    "method": "$context.httpMethod",
    "resource": "$context.resourcePath",
    "path": "$context.path",
    "status": "$context.status",
    "error": "$context.error.responseType",
    "integration_status": "$context.integration.status",
    "integration_latency_ms": "$context.integration.latency",
    "latency_ms": "$context.responseLatency",
    "response_bytes": "$context.responseLength",
    "waf": "$context.waf.status",
    "tls": "$context.tlsVersion",
}
# TLS 1.2 with forward secrecy, or 1.3; a regional API without it takes TLS 1.0:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-list.html
SECURITY_POLICY = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
STRICT = "STRICT"


class ApiGateway(Construct):
    """A regional REST API with one stage, which is called as the deployment's stage is.

    Attributes:
        api: The API; it gets its methods from others.
        stage: Its stage.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        access: ApiAccess,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the API.

        Args:
            scope: The parent.
            construct_id: Its id.
            settings: The stage's.
            access: Who may call; its policy becomes the API's.
            removal_policy: What deleting the stack does to the logs.
        """
        super().__init__(scope, construct_id)
        days = settings.logs.function_days
        access_log = ServiceLog(self, "AccessLog", days=days, removal_policy=removal_policy).group
        self.api = apigateway.RestApi(
            self,
            "Api",
            # metrics go by this name, so each deployment in an account needs one of its own
            rest_api_name=cdk.Stack.of(self).stack_name,
            description=f"Sparkdrop, stage {settings.stage}: uploads, invocations and runs",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            policy=access.policy,
            # with a name of its own, that is the one way in
            disable_execute_api_endpoint=settings.api.domain is not None,
            cloud_watch_role=True,
            # The role is the account's, and other APIs may write their logs by it after this stack is gone.
            cloud_watch_role_removal_policy=cdk.RemovalPolicy.RETAIN,
            deploy_options=_build_stage(settings, access_log),
        )
        self.api.node.try_remove_child("Endpoint")
        resource = self.api.node.default_child
        if not isinstance(resource, apigateway.CfnRestApi):
            raise TypeError(f"{self.node.path}: the API's resource is not an AWS::ApiGateway::RestApi")
        resource.security_policy = SECURITY_POLICY
        resource.endpoint_access_mode = STRICT
        self.stage = self.api.deployment_stage
        self._keep_execution_log(settings.stage, days, removal_policy)
        self._acknowledge(has_firewall=settings.api.waf)
        self.api.add_usage_plan(
            "UsagePlan",
            description="Limits of one API key: none is needed today, since every call is authorized",
            api_stages=[apigateway.UsagePlanPerApiStage(api=self.api, stage=self.stage)],
            throttle=apigateway.ThrottleSettings(
                rate_limit=settings.api.rate_per_second, burst_limit=settings.api.burst
            ),
        )

    def _keep_execution_log(self, stage: str, days: int, removal_policy: cdk.RemovalPolicy) -> None:
        """Make the log group that API Gateway would make at its first error, and keep for ever."""
        log = ServiceLog(
            self,
            "ExecutionLog",
            name=f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{stage}",
            days=days,
            removal_policy=removal_policy,
        )
        self.stage.node.add_dependency(log)

    def _acknowledge(self, *, has_firewall: bool) -> None:
        cdk.Validations.of(self.api).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
                reason="API Gateway checks its account's role against this policy, which AWS wrote for it.",
            )
        )
        if not has_firewall:
            cdk.Validations.of(self.stage).acknowledge(
                cdk.Acknowledgment(
                    id="AwsSolutions-APIG3",
                    reason="The stage's setting api.waf is off, for its 9 USD a month. Every call is"
                    " authorized, checked against its model and throttled all the same.",
                )
            )


def _build_stage(settings: StageSettings, access_log: logs.ILogGroup) -> apigateway.StageOptions:
    return apigateway.StageOptions(
        stage_name=settings.stage,
        throttling_rate_limit=settings.api.rate_per_second,
        throttling_burst_limit=settings.api.burst,
        metrics_enabled=True,
        tracing_enabled=settings.invoke.tracing,
        logging_level=apigateway.MethodLoggingLevel.ERROR,
        # it would log bodies
        data_trace_enabled=False,
        access_log_destination=apigateway.LogGroupLogDestination(access_log),
        access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG_FIELDS)),
    )

"""The REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.api_access import admit_account, admit_users
from infra.constructs.api_alarms import ApiAlarms
from infra.constructs.api_calls import build_calls
from infra.constructs.api_cors import ApiCors
from infra.constructs.api_domain import ApiDomain
from infra.constructs.api_firewall import ApiFirewall
from infra.constructs.api_gateway import ApiGateway
from infra.constructs.api_methods import ApiMethods
from infra.constructs.api_problems import ApiProblems
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from constructs import Construct

    from infra.settings.model import StageSettings


class ApiStack(StageStack):
    """The REST API of uploads, invocations and runs.

    Attributes:
        url: Where it is.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        invoke: lambda_.IFunction,
        uploads: lambda_.IFunction,
        alerts: sns.ITopic,
        users: cognito.IUserPool | None,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the API.

        Args:
            scope: The app.
            construct_id: What ``cdk deploy`` calls it.
            settings: The stage's.
            invoke: What answers ``POST /invoke``.
            uploads: What answers all else.
            alerts: Where its alarms go.
            users: Whose tokens are taken; None for requests that are signed with AWS credentials.
            removal_policy: What deleting the stack does to the logs.
        """
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="api",
            description="the REST API of uploads, invocations and runs",
        )
        cors = ApiCors(settings.page_origins)
        access = (
            admit_account(settings.stage, preflight=bool(settings.page_origins))
            if users is None
            else admit_users(self, users)
        )
        gateway = ApiGateway(
            self,
            "Gateway",
            settings=settings,
            access=access,
            removal_policy=removal_policy,
        )
        ApiProblems(self, "Problems", api=gateway.api, cors=cors)
        methods = ApiMethods(
            self,
            "Methods",
            api=gateway.api,
            calls=build_calls(invoke=invoke, uploads=uploads),
            access=access,
            cors=cors,
        )
        ApiAlarms(self, "Alarms", stage=gateway.stage, methods=methods.by_name, alerts=alerts)
        if settings.api.waf:
            ApiFirewall(
                self,
                "Firewall",
                stage=gateway.stage,
                rate_per_second=settings.api.rate_per_second,
                log_days=settings.logs.function_days,
                removal_policy=removal_policy,
            )
        self.url = gateway.api.url
        # for WebStack, also where a name of its own takes their place
        self.keep_exports([gateway.api.rest_api_id, gateway.stage.stage_name])
        if settings.api.domain is not None:
            self.url = ApiDomain(self, "Domain", api=gateway.api, settings=settings.api.domain).url
        cdk.CfnOutput(self, "ApiUrl", value=self.url)

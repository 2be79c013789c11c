"""The REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
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
        alerts: sns.ITopic,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the API."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="api",
            description="the REST API of uploads, invocations and runs",
        )

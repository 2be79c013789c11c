"""The people who may call the API, where it takes tokens and not AWS's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk

from infra.constructs.api_users import ApiUsers
from infra.stacks.stage_stack import StageStack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.settings.model import StageSettings


class UsersStack(StageStack):
    """The user pool of the API and of its page; only where ``api.authorizer`` is "cognito".

    A stack of its own, because the API can be taken away and deployed again, and its users cannot.

    Attributes:
        users: Pool, client and sign-in page.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create the pool."""
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            part="users",
            description="the people who may call the API",
        )
        self.users = ApiUsers(
            self,
            "Users",
            sign_in_prefix=f"{self.stack_name}-{self.account}",
            origins=settings.page_origins,
            groups=settings.api.groups,
            removal_policy=removal_policy,
        )
        for name, value in {
            "UserPoolId": self.users.pool.user_pool_id,
            "UserPoolClientId": self.users.client.user_pool_client_id,
            "SignInUrl": self.users.sign_in_url,
        }.items():
            cdk.CfnOutput(self, name, value=value)
        # for WebStack
        self.keep_exports([self.users.sign_in.domain_name])

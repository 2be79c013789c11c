"""Who may call the API: the account's own principals, or the users of a pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_cognito as cognito
    from constructs import Construct

_INVOKE = "execute-api:Invoke"


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """How every call is authorized.

    Attributes:
        authorization_type: API Gateway's word for it.
        authorizer: What checks tokens; None where API Gateway checks signatures itself.
        policy: The API's own policy; None where tokens, which are of no AWS principal, decide.
    """

    authorization_type: apigateway.AuthorizationType
    authorizer: apigateway.IAuthorizer | None = None
    policy: iam.PolicyDocument | None = None

    def review(self, method: apigateway.Method) -> None:
        """Say on a method with signed requests why there are no tokens."""
        if self.authorization_type == apigateway.AuthorizationType.IAM:
            cdk.Validations.of(method).acknowledge(
                cdk.Acknowledgment(
                    id="AwsSolutions-COG4",
                    reason="The stage's setting api.authorizer is iam: requests are signed with AWS"
                    " credentials, and IAM decides for each caller which call it may make.",
                )
            )


def admit_account(stage: str, *, preflight: bool) -> ApiAccess:
    """Admit requests that are signed by principals of the API's own account, if their policies permit them.

    Naming the account leaves the decision to its principals' own policies, and closes the API to others':
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html

    Args:
        stage: The API's stage.
        preflight: Whether browsers may ask for CORS, which they do without credentials.
    """
    statements = [
        iam.PolicyStatement(
            sid="ThisAccount",
            principals=[iam.AccountRootPrincipal()],
            actions=[_INVOKE],
            resources=[f"execute-api:/{stage}/*"],
        )
    ]
    if preflight:
        statements.append(
            iam.PolicyStatement(
                sid="PreflightOfBrowsers",
                principals=[iam.StarPrincipal()],
                actions=[_INVOKE],
                resources=[f"execute-api:/{stage}/OPTIONS/*"],
            )
        )
    return ApiAccess(apigateway.AuthorizationType.IAM, policy=iam.PolicyDocument(statements=statements))


def admit_users(scope: Construct, pool: cognito.IUserPool) -> ApiAccess:
    """Admit requests with a token of one of the pool's users."""
    authorizer = apigateway.CognitoUserPoolsAuthorizer(scope, "Authorizer", cognito_user_pools=[pool])
    return ApiAccess(apigateway.AuthorizationType.COGNITO, authorizer=authorizer)

"""The API's users, where they are not AWS principals."""

from __future__ import annotations

import re

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

PASSWORD_LENGTH = 14
INVITATION_VALID = cdk.Duration.days(3)
# What a stolen token is good for; a session ends with the working day
TOKEN_VALID = cdk.Duration.hours(1)
SESSION_VALID = cdk.Duration.hours(12)
# Besides TLS, the one place that Cognito sends a code to:
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
_SAFE_ORIGIN = re.compile(r"https://|http://localhost(:|$)")


class ApiUsers(Construct):
    """A Cognito user pool that only an administrator adds users to, and its one client, a page or a program.

    Attributes:
        pool: The pool.
        client: The client; it has no secret, because a page could keep none.
        sign_in: The sign-in page's domain.
        sign_in_url: Where the sign-in page is, and the endpoints of OAuth 2.0 below it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        sign_in_prefix: str,
        origins: tuple[str, ...],
        groups: tuple[str, ...],
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Create pool, client, sign-in page and groups.

        Args:
            scope: The parent.
            construct_id: Its id.
            sign_in_prefix: First part of the sign-in page's host name; one in a region.
            origins: The pages that users sign in from, each at its root. None: programs sign in alone.
            groups: The groups' names; who is in which, an administrator says.
            removal_policy: What deleting the stack does to the users.
        """
        super().__init__(scope, construct_id)
        self.pool = self._create_pool(removal_policy)
        self.client = self._create_client([f"{origin}/" for origin in origins if _SAFE_ORIGIN.match(origin)])
        self.sign_in = self.pool.add_domain(
            "SignIn", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=sign_in_prefix)
        )
        self.sign_in_url = self.sign_in.base_url()
        for group in groups:
            self.pool.add_group(f"Group-{group}", group_name=group)

    def _create_pool(self, removal_policy: cdk.RemovalPolicy) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Pool",
            feature_plan=cognito.FeaturePlan.LITE,
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            mfa=cognito.Mfa.REQUIRED,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=PASSWORD_LENGTH,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
                temp_password_validity=INVITATION_VALID,
            ),
            deletion_protection=removal_policy == cdk.RemovalPolicy.RETAIN,
            removal_policy=removal_policy,
        )
        cdk.Validations.of(pool).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions-COG8",
                reason="The plus plan's threat protection costs 0.02 USD a user and month. Every user is"
                " invited, has a second factor and a password of 14 characters: there is little left for it"
                " to find.",
            )
        )
        return pool

    def _create_client(self, pages: list[str]) -> cognito.UserPoolClient:
        # The code flow of a public client is proven with PKCE: https://datatracker.ietf.org/doc/html/rfc7636
        flow = cognito.OAuthSettings(
            flows=cognito.OAuthFlows(authorization_code_grant=True),
            scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
            callback_urls=pages,
            logout_urls=pages,
        )
        return self.pool.add_client(
            "Client",
            generate_secret=False,
            # a program signs in by SRP, which never sends the password
            auth_flows=cognito.AuthFlow(user_srp=True),
            disable_o_auth=not pages,
            o_auth=flow if pages else None,
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            access_token_validity=TOKEN_VALID,
            id_token_validity=TOKEN_VALID,
            refresh_token_validity=SESSION_VALID,
        )

"""Who calls, as API Gateway has found out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparkdrop.core.access import Caller, drop_session

from .problems import CallerUnknownError

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_ARN = re.compile(r"arn:[a-z-]+:(?:iam|sts)::(\d{12}):(user|assumed-role)/(.+)")
# a pool's groups can have any name; these are what IAM identities go by
_OF_IAM = ("role/", "user/")


def read_caller(context: Mapping[str, Any]) -> Caller:
    """Read who calls from an event's `requestContext`: an IAM identity, or a user of the user pool.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html

    Raises:
        CallerUnknownError: The API let somebody in without asking who it is.
    """
    arn = (context.get("identity") or {}).get("userArn")
    if arn:
        return Caller(drop_session(str(arn)), _read_iam_groups(str(arn), context.get("accountId")))
    claims = (context.get("authorizer") or {}).get("claims") or {}
    if claims.get("sub"):
        return Caller(f"cognito:{claims['sub']}", parse_groups(claims.get("cognito:groups")))
    raise CallerUnknownError("the request was neither signed nor sent with a token")


def parse_groups(claim: object) -> frozenset[str]:
    """Read the claim `cognito:groups`, a list that API Gateway writes as `a,b` or as `[a b]`.

    A group that is named like an IAM identity's is dropped: whoever names groups makes nobody a role.
    """
    if isinstance(claim, (list, tuple)):
        groups = [str(group) for group in claim]
    else:
        text = str(claim or "").strip()
        if text.startswith("[") and text.endswith("]"):
            text = text[1:-1]
        groups = re.split(r"[,\s]+", text)
    return frozenset(group for group in groups if group and not group.startswith(_OF_IAM))


def _read_iam_groups(arn: str, account: object) -> frozenset[str]:
    """The one group of an IAM identity of the API's own account.

    Another account can give its roles any name, so theirs count for nothing.
    """
    found = _ARN.fullmatch(arn)
    if found is None or found[1] != account:
        return frozenset()
    if found[2] == "assumed-role":
        return frozenset({f"role/{found[3].partition('/')[0]}"})
    return frozenset({f"user/{found[3].rpartition('/')[2]}"})

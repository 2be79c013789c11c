"""What the role that signed may do, by its policies.

A statement under a condition is left out, whatever its effect: nothing here knows what it asks for.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.s3_guard.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparkdrop_local.aws.s3_guard.account import Signatory
    from sparkdrop_local.aws.s3_guard.incoming import Request

_BUCKET_ACTIONS = {"GET": "s3:ListBucket", "HEAD": "s3:ListBucket"}
_OBJECT_ACTIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuAndPermissions.html
_UPLOAD_ACTIONS = {"GET": "s3:ListMultipartUploadParts", "DELETE": "s3:AbortMultipartUpload"}


def check_permission(signatory: Signatory, request: Request) -> None:
    """Check that whoever signed may do it.

    Raises:
        S3Error: AccessDenied.
    """
    if signatory.policies is None:
        return
    resource = f"arn:aws:s3:::{request.bucket}" + (f"/{request.key}" if request.key else "")
    action = find_action(request)
    if not _allows(signatory.policies, action, resource):
        why = f"because no identity-based policy allows the {action} action"
    elif signatory.boundary and not _allows([signatory.boundary], action, resource):
        why = f"because no session policy allows the {action} action"
    else:
        return
    who = f"User: {signatory.arn} is not authorized to perform: {action}"
    raise S3Error("AccessDenied", f'{who} on resource: "{resource}" {why}')


def find_action(request: Request) -> str:
    """Find what IAM calls a request; one that links are not for is named as no policy does."""
    unknown = f"s3:{request.method}"
    if not request.key:
        return _BUCKET_ACTIONS.get(request.method, unknown)
    if request.get("uploadId") is not None and request.method in _UPLOAD_ACTIONS:
        return _UPLOAD_ACTIONS[request.method]
    return _OBJECT_ACTIONS.get(request.method, unknown)


def _allows(policies: Iterable[str], action: str, resource: str) -> bool:
    effects = {
        statement["Effect"]
        for policy in policies
        for statement in _load_statements(policy)
        if _concerns(statement, action, resource)
    }
    return "Allow" in effects and "Deny" not in effects


def _concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    return (
        not statement.get("Condition")
        and _covers(statement, "Action", action, re.IGNORECASE)
        and _covers(statement, "Resource", resource, 0)
    )


def _covers(statement: dict[str, Any], element: str, value: str, flags: int) -> bool:
    if element in statement:
        return any(_compile(one, flags).fullmatch(value) for one in _list(statement[element]))
    excluded = _list(statement.get(f"Not{element}", []))
    return bool(excluded) and not any(_compile(one, flags).fullmatch(value) for one in excluded)


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON's own
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=64)
def _load_statements(policy: str) -> tuple[dict[str, Any], ...]:
    return tuple(_list(json.loads(policy)["Statement"]))


@lru_cache(maxsize=256)
def _compile(pattern: str, flags: int) -> re.Pattern[str]:
    """``*`` is any number of characters, ``?`` is one."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    return re.compile("".join(parts), flags | re.DOTALL)

"""Bucket policies whose statements have conditions.

moto 5.2.5 reads no ``Condition``, so a "deny what does not come over TLS" would deny every request. A
statement under a condition is left out of its decision; the policy itself is stored and answered whole.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket


@lru_cache(maxsize=64)
def _load_unconditional(policy: bytes) -> IAMPolicy | None:
    document: dict[str, Any] = json.loads(policy)
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    kept = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps({**document, "Statement": kept})) if kept else None


def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Decide by the bucket's unconditional statements."""
    policy = None if self.policy is None else _load_unconditional(bytes(self.policy))
    return PermissionResult.NEUTRAL if policy is None else policy.is_action_permitted(action, resource)


def apply() -> None:
    """Let moto's buckets decide this way."""
    FakeBucket.get_permission = get_permission  # type: ignore[method-assign] # moto has no hook for it

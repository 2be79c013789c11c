"""AWS's own managed policies, such as ``AmazonSSMManagedInstanceCore``.

moto has all of them and loads none, or all twelve hundred at its start. Here each is loaded when it is first
attached.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

_attach = IAMBackend.attach_role_policy


@cache
def _load_all() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


def attach_role_policy(self: IAMBackend, policy_arn: str, role_name: str) -> None:
    """Attach as moto does, with AWS's policies at hand."""
    name = policy_arn.rsplit("/", 1)[-1]
    if ":iam::aws:policy/" in policy_arn and policy_arn not in self.managed_policies and name in _load_all():
        policy = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, _load_all()[name])
        self.managed_policies[policy.arn] = policy
    _attach(self, policy_arn, role_name)


def apply() -> None:
    """Let moto's IAM attach this way."""
    IAMBackend.attach_role_policy = attach_role_policy  # type: ignore[method-assign] # moto has no hook for it

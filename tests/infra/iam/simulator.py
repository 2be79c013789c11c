"""Asks the policy simulator that ``infra/package.json`` pins what IAM would decide: many requests at once."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infra.tools.cdk_cli import INFRA, find_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SCRIPT = Path(__file__).with_name("simulate.mjs")
PACKAGE = INFRA / "node_modules" / "@cloud-copilot" / "iam-simulate"

Kind = Literal["identity", "resource", "trust"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call, as IAM sees it.

    Attributes:
        action: Such as ``s3:GetObject``.
        resource: The ARN, or ``*`` where the action takes no resource.
        context: The condition keys that the request sets; a list is a key of several values.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and by which documents.

    Attributes:
        arn: The principal's ARN, or a service's name.
        account: The account of the caller and of all resources.
        policies: Its identity policies.
        trust: The resource policy that decides with them; a role's trust policy for ``sts:AssumeRole``.
    """

    arn: str
    account: str
    policies: Sequence[Mapping[str, Any]] = ()
    trust: Mapping[str, Any] | None = None


def decide(caller: Caller, requests: Iterable[Request]) -> list[bool]:
    """Tell for each request whether it is allowed."""
    simulations = [
        {
            "principal": caller.arn,
            "account": caller.account,
            "policies": caller.policies,
            "action": request.action,
            "resource": request.resource,
            "context": request.context,
            **({"trust": caller.trust} if caller.trust else {}),
        }
        for request in requests
    ]
    return [decision == "Allowed" for decision in _run({"simulations": simulations})["decisions"]]


def find_problems(documents: Iterable[tuple[Kind, Mapping[str, Any]]]) -> list[list[str]]:
    """Tell for each document what is wrong with its syntax, actions, resources and condition keys."""
    asked = [{"kind": kind, "policy": policy} for kind, policy in documents]
    problems: list[list[str]] = _run({"documents": asked})["problems"]
    return problems


def _run(question: Mapping[str, Any]) -> Any:
    assert PACKAGE.is_dir(), "the policy simulator is not installed: run `make cli`"
    done = subprocess.run(
        [find_node(), str(SCRIPT)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

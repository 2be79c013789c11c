"""Who may take Airflow's role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import IConstruct

# Services that tell for which resource they take a role, and what they call it. EC2 tells nothing, and need
# not: an instance's role is always of the instance's own account.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
# https://docs.aws.amazon.com/mwaa/latest/userguide/cross-service-confused-deputy-prevention.html
_SOURCES = {
    "ecs-tasks.amazonaws.com": ("ecs", "*"),
    "airflow.amazonaws.com": ("airflow", "environment/*"),
    "airflow-env.amazonaws.com": ("airflow", "environment/*"),
}


def build_airflow_principal(scope: IConstruct, services: Iterable[str]) -> iam.PrincipalBase:
    """Trust services, each on behalf of this account's resources only where it tells whose they are.

    Args:
        scope: The stack or anything in it.
        services: Their names, such as ``ecs-tasks.amazonaws.com``.
    """
    return iam.CompositePrincipal(*(_build_service(cdk.Stack.of(scope), service) for service in services))


def _build_service(stack: cdk.Stack, service: str) -> iam.PrincipalBase:
    if service not in _SOURCES:
        return iam.ServicePrincipal(service)
    prefix, resources = _SOURCES[service]
    source = f"arn:{stack.partition}:{prefix}:{stack.region}:{stack.account}:{resources}"
    return iam.ServicePrincipal(
        service,
        conditions={
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": source},
        },
    )

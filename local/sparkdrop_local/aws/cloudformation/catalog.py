"""Every kind of resource that the emulation holds, and why others are not held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation import (
    alarms,
    clusters,
    images,
    messages,
    network,
    roles,
    security_groups,
    storage,
    tables,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparkdrop_local.aws.cloudformation.kinds import Kind

KINDS: Mapping[str, Kind] = {
    **storage.KINDS,
    **tables.KINDS,
    **messages.KINDS,
    **alarms.KINDS,
    **roles.KINDS,
    **network.KINDS,
    **security_groups.KINDS,
    **images.KINDS,
    **clusters.KINDS,
    **users.KINDS,
}

# By the start of the type's name. These are what people read where a stack is left out.
NOT_HELD: Mapping[str, str] = {
    "AWS::ApiGateway::": "the process `api` of the local system answers its calls instead",
    "AWS::CloudFront::": "the process `api` of the local system serves the page instead",
    "AWS::EC2::FlowLog": "the emulation has no traffic to log",
    "AWS::EMRServerless::": "the emulation runs no jobs of EMR Serverless",
    "AWS::Lambda::": "the API's functions run in the process `api` of the local system instead",
    "AWS::Route53::": "nobody asks the emulation for a name",
    "AWS::WAFv2::": "no request passes a firewall here",
}


def find_unheld(template: Mapping[str, Any]) -> list[str]:
    """Name every resource and property of a template that would not be held; conditions are not looked at."""
    return [
        f"{logical_id}: {what}"
        for logical_id, resource in template.get("Resources", {}).items()
        for what in _find_unheld(resource)
    ]


def explain_unheld(template: Mapping[str, Any]) -> str:
    """Say in a sentence what of a template would not be held; empty where all of it is.

    What has one reason is named once, by its service.
    """
    by_reason: dict[str, list[str]] = {}
    plain: list[str] = []
    for logical_id, resource in template.get("Resources", {}).items():
        reason = next((start for start in NOT_HELD if resource["Type"].startswith(start)), None)
        if reason is None:
            plain += [f"{logical_id}: {what}" for what in _find_unheld(resource)]
        else:
            by_reason.setdefault(reason, []).append(logical_id)
    named = [
        f"{start.removesuffix('::')} ({len(ids)}): {NOT_HELD[start]}" for start, ids in by_reason.items()
    ]
    return "; ".join(named + plain)


def find_unchangeable(template: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Name every change between two templates that a resource does not live through.

    AWS would put a new resource in the place of the old one; here nothing is ever replaced.
    """
    old = before.get("Resources", {})
    return [
        f"{logical_id}: {what}"
        for logical_id, resource in template.get("Resources", {}).items()
        if logical_id in old
        for what in _find_unchangeable(resource, old[logical_id])
    ]


def _find_unheld(resource: Mapping[str, Any]) -> Iterator[str]:
    resource_type: str = resource["Type"]
    if (kind := KINDS.get(resource_type)) is not None:
        known = kind.known
        yield from (f"{resource_type}.{name}" for name in resource.get("Properties", {}) if name not in known)
        return
    reasons = [reason for start, reason in NOT_HELD.items() if resource_type.startswith(start)]
    yield f"{resource_type} ({reasons[0]})" if reasons else resource_type


def _find_unchangeable(resource: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    resource_type: str = resource["Type"]
    if resource_type != before["Type"]:
        yield f"{before['Type']} would become {resource_type}"
        return
    new, old = resource.get("Properties", {}), before.get("Properties", {})
    changed = {name for name in new.keys() | old.keys() if new.get(name) != old.get(name)}
    for name in sorted(changed - KINDS[resource_type].changeable):
        yield f"{resource_type}.{name}"

"""EMR's operations. To add one, write a function in the module where it belongs, and name it in OPERATIONS.

An operation takes the registry, whose lock the caller holds, and the validated parameters; it returns the
result's members, or None for an operation without a result, or raises EmrError.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sparkdrop_local.emr.ec2.operations import (
    clusters,
    instances,
    job_flows,
    policies,
    refusals,
    releases,
    resizing,
    scaling,
    security,
    steps,
    tags,
)
from sparkdrop_local.emr.ec2.registry import Registry

Operation = Callable[[Registry, Mapping[str, Any]], Mapping[str, Any] | None]

OPERATIONS: Mapping[str, Operation] = {
    **clusters.OPERATIONS,
    **instances.OPERATIONS,
    **job_flows.OPERATIONS,
    **policies.OPERATIONS,
    **resizing.OPERATIONS,
    **scaling.OPERATIONS,
    **refusals.OPERATIONS,
    **releases.OPERATIONS,
    **security.OPERATIONS,
    **steps.OPERATIONS,
    **tags.OPERATIONS,
}

__all__ = ["OPERATIONS", "Operation"]

"""EMR Serverless's operations: one function each, named in its module's OPERATIONS.

An operation takes the registry, whose lock the caller holds, and the validated parameters; it returns the
result's members or raises EmrError.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sparkdrop_local.emr.serverless.operations import applications, dashboards, runs, sessions, tags
from sparkdrop_local.emr.serverless.registry import Registry

Operation = Callable[[Registry, Mapping[str, Any]], Mapping[str, Any]]

OPERATIONS: Mapping[str, Operation] = {
    **applications.OPERATIONS,
    **dashboards.OPERATIONS,
    **runs.OPERATIONS,
    **sessions.OPERATIONS,
    **tags.OPERATIONS,
}

__all__ = ["OPERATIONS", "Operation"]

"""Who may do what with a pipeline through the API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkdrop.core.errors import ForbiddenError

if TYPE_CHECKING:
    from sparkdrop.core.catalog import CatalogPipeline

# a role's session has a name of its own each time
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_SESSION = re.compile(r"(arn:[a-z-]+:sts::\d{12}:assumed-role/[^/]+)/.+")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls the API.

    Attributes:
        name: ``cognito:<sub>``, or the ARN of an IAM identity without its session's name.
        groups: its groups in the user pool; of an IAM identity ``role/<name>`` or ``user/<name>``.
    """

    name: str
    groups: frozenset[str] = frozenset()


def may_upload(pipeline: CatalogPipeline, caller: Caller) -> bool:
    """Whether a caller may upload to a pipeline, and invoke it: without groups, whoever may call the API."""
    groups = pipeline.upload.groups
    return not groups or not caller.groups.isdisjoint(groups)


def may_view(pipeline: CatalogPipeline, caller: Caller) -> bool:
    """Whether a caller sees every upload of a pipeline; its own it sees anyway."""
    return not caller.groups.isdisjoint(pipeline.upload.viewers)


def is_visible(pipeline: CatalogPipeline, caller: Caller) -> bool:
    """Whether a caller may know that there is such a pipeline."""
    return may_upload(pipeline, caller) or may_view(pipeline, caller)


def check_upload(pipeline: CatalogPipeline, caller: Caller) -> None:
    """Check that a caller, who sees a pipeline, may upload to it as well.

    Raises:
        ForbiddenError: it may only look.
    """
    if not may_upload(pipeline, caller):
        raise ForbiddenError(
            f"you see the uploads of pipeline {pipeline.name!r} and may not add to them; "
            f"its groups are: {', '.join(pipeline.upload.groups)}"
        )


def drop_session(arn: str) -> str:
    """Cut the session's name off a role's ARN: a role is one caller, whatever its sessions are called."""
    found = _SESSION.fullmatch(arn)
    return found[1] if found else arn

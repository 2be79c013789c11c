"""Where the function finds things: the names that its stack gives it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Places:
    """One deployment's names.

    Attributes:
        uploads_bucket: Where files land.
        artifacts_bucket: Where the catalog of pipelines is.
        ledger_table: The ledger.
        arrivals_queue_url: What the arrival stream reads.
    """

    uploads_bucket: str
    artifacts_bucket: str
    ledger_table: str
    arrivals_queue_url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Places:
        """Read the names from ``SPARKDROP_*``.

        Raises:
            KeyError: One is missing; only the stack sets them.
        """
        return cls(**{field.name: environment[f"SPARKDROP_{field.name.upper()}"] for field in fields(cls)})

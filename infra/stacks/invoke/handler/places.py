"""Where a function finds things, and how far it may go: what its stack tells it."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Places:
    """One deployment's names, as every function needs them.

    Attributes:
        uploads_bucket: Where files land.
        artifacts_bucket: Where the catalog of pipelines is.
        ledger_table: The ledger.
    """

    uploads_bucket: str
    artifacts_bucket: str
    ledger_table: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the names from ``SPARKDROP_*``.

        Raises:
            KeyError: One is missing; only the stack sets them.
        """
        found: dict[str, Any] = {}
        for field in fields(cls):
            name = f"SPARKDROP_{field.name.upper()}"
            if name in environment or field.default is MISSING:
                found[field.name] = int(environment[name]) if field.type == "int" else environment[name]
        return cls(**found)


@dataclass(frozen=True, slots=True)
class InvokePlaces(Places):
    """What the function of ``POST /invoke`` needs beside them.

    Attributes:
        arrivals_queue_url: What the arrival stream reads.
    """

    arrivals_queue_url: str


@dataclass(frozen=True, slots=True)
class LinkPlaces(Places):
    """What links need beside them.

    Attributes:
        upload_role_arn: The role whose session signs links.
        account_id: Who the uploads bucket belongs to: a link puts into no namesake of another account.
        link_seconds: How long a signed URL is good for.
        multipart_seconds: How long an upload in parts may take.
        daily_uploads: Links that one caller may have in a day.
        daily_bytes: Bytes that they may declare together.
    """

    upload_role_arn: str
    account_id: str
    link_seconds: int = 900
    multipart_seconds: int = 86_400
    daily_uploads: int = 10_000
    daily_bytes: int = 10 * 2**40


def read_origins(environment: Mapping[str, str]) -> frozenset[str]:
    """Read the origins of the pages that may call the API, from a list with commas."""
    listed = environment.get("SPARKDROP_CORS_ORIGINS", "").split(",")
    return frozenset(origin.strip() for origin in listed if origin.strip())

"""boto3 clients of the emulation, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.names import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from boto3.session import Session


@cache
def _session() -> Session:
    import boto3  # half a second, spent while the templates are read

    return boto3.Session(
        aws_access_key_id=ACCESS_KEY_ID, aws_secret_access_key=SECRET_ACCESS_KEY, region_name=REGION
    )


@dataclass(frozen=True, slots=True)
class Clients:
    """A client of any service; endpoint and credentials are named, so that none of the caller's are used.

    Attributes:
        endpoint_url: Where the emulation listens.
    """

    endpoint_url: str

    # boto3 makes its clients from data: their type is the service's name
    def __call__(self, service: str) -> Any:  # noqa: ANN401
        """Build a client of ``service``."""
        return _session().client(service, endpoint_url=self.endpoint_url)  # type: ignore[call-overload]

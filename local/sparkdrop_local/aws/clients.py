"""boto3 clients of the emulation, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.names import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from boto3.session import Session


@cache
def _session(access_key_id: str) -> Session:
    import boto3  # half a second, spent while the templates are read

    return boto3.Session(aws_access_key_id=access_key_id, aws_secret_access_key=SECRET_ACCESS_KEY)


# boto3 makes its clients from data: their type is the service's name
@cache
def _make_client(service: str, endpoint_url: str, region: str, access_key_id: str) -> Any:  # noqa: ANN401
    return _session(access_key_id).client(service, endpoint_url=endpoint_url, region_name=region)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Clients:
    """A client of any service; endpoint and credentials are named, so that none of the caller's are used.

    Attributes:
        endpoint_url: Where the emulation listens.
        region: The region that is asked.
        access_key_id: Who asks.
    """

    endpoint_url: str
    region: str = REGION
    access_key_id: str = ACCESS_KEY_ID

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - see above
        """Build a client of ``service``, once."""
        return _make_client(service, self.endpoint_url, self.region, self.access_key_id)

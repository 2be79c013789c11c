"""Clients of AWS, each made when it is first needed and once for all.

Of botocore itself: boto3 would bring what moves files, and resources, which nothing here needs.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def make_client(service: str) -> Any:  # noqa: ANN401 - botocore makes its clients at run time
    """Make a client with the function's own credentials."""
    from botocore.config import Config

    # a call that hangs shall fail while the function still has time to say so, and to try once more
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    return _get_session().create_client(service, config=config)


def make_session() -> Any:  # noqa: ANN401 - botocore has no types
    """Make a session of botocore's."""
    # 0.2 s, most of a start: a call that asks AWS for nothing shall not wait for it
    import botocore.session

    return botocore.session.get_session()


@cache
def _get_session() -> Any:  # noqa: ANN401 - botocore has no types
    return make_session()

"""What the AWS emulation says when it is ready, for the processes that start beside it and wait for that."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WAIT_SECONDS = 300
_POLL_SECONDS = 0.05


def wait_for_environment(path: Path, *, access_key_id: str) -> dict[str, str]:
    """Wait for the emulation's file, and give back the environment of its clients.

    Args:
        path: The file.
        access_key_id: As whom the trail of calls knows the caller.

    Raises:
        SystemExit: The file does not come.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            environment: dict[str, str] = json.loads(path.read_bytes())["environment"]
        except FileNotFoundError:
            time.sleep(_POLL_SECONDS)
        else:
            return {**environment, "AWS_ACCESS_KEY_ID": access_key_id}
    raise SystemExit(
        f"the AWS emulation wrote no {path} within {_WAIT_SECONDS} s: see its log beside this one"
    )

"""Waiting for what a test needs, quicker than the clients' own waiters look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_SECONDS = 120
QUICK = {"Delay": 0.1, "MaxAttempts": 1200}
"""WaiterConfig of a waiter that looks often: EMR's own sleep half a minute between two looks."""


def wait_for(look: Callable[[], str], *states: str) -> str:
    """Look until a state is one of these, or fail at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (state := look()) not in states:
        assert time.monotonic() < deadline, f"still {state}, not {' or '.join(states)}"
        time.sleep(0.05)
    return state


def wait_for_step(emr: Any, cluster: str, step: str, *states: str) -> str:
    return wait_for(
        lambda: emr.describe_step(ClusterId=cluster, StepId=step)["Step"]["Status"]["State"], *states
    )


def wait_for_job_run(serverless: Any, application: str, run: str) -> str:
    return wait_for(
        lambda: serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]["state"],
        *("SUCCESS", "FAILED", "CANCELLED"),
    )

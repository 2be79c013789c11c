"""Why a batch failed: the driver's own words, which may name each of its files, whoever they belong to."""

from __future__ import annotations

from typing import Any

from sparkdrop.core.uploads import UploadState

View = dict[str, Any]
_OF_A_BATCH = ("reason", "log", "log_excerpt")
# PENDING: the batch has failed, and another attempt is to come
_STATES = {UploadState.FAILED, UploadState.PENDING}


def is_of_a_batch(view: View) -> bool:
    """Whether a view tells why a batch failed; a file that was set aside tells of itself alone."""
    return view["state"] in _STATES and any(view[name] for name in _OF_A_BATCH)


def find_batch(view: View) -> str | None:
    """Find the batch that failed: an upload that waits for its next attempt knows it by its history alone."""
    earlier = (move["batch_id"] for move in reversed(view.get("history", ())) if move["batch_id"])
    return view["batch_id"] or next(earlier, None)


def hide_failure(view: View, count: int) -> View:
    """Put a sentence that names no file in the place of a batch's failure.

    Args:
        view: An upload of the batch.
        count: How many uploads the batch has; 0 where nobody knows.
    """
    batch = f"its batch (files in it: {count:,})" if count else "its batch"
    reason = f"{batch} failed; whoever may view the pipeline {view['pipeline']} can see why"
    return view | dict.fromkeys(_OF_A_BATCH) | {"reason": reason}

"""What ends a command with one line."""

from __future__ import annotations

from sparkdrop.core.errors import SparkdropError


class ToolError(SparkdropError):
    """A command cannot go on; its text says why and what to do."""

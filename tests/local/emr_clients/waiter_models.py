"""The waiters that Airflow's amazon provider brings beside botocore's own, read from its files."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from botocore.waiter import WaiterModel

_FOLDER = "airflow/providers/amazon/aws/waiters"


def load_waiter_model(service: str) -> WaiterModel:
    """Load a service's waiters as the provider's BaseBotoWaiter does, without importing Airflow."""
    file = Path(str(distribution("apache-airflow-providers-amazon").locate_file(_FOLDER))) / f"{service}.json"
    model: dict[str, Any] = json.loads(file.read_text())
    return WaiterModel(model)

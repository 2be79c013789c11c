"""``run_dag.py MODULE RESULT``: run the DAG of a module once, by Airflow itself, and write what became of it.

The result is JSON: the run's state, and each task's with the seconds it took.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(module: str, result: str) -> None:
    """Run it; that it failed is in the result."""
    run = importlib.import_module(module).dag.test()
    tasks = {
        instance.task_id: {"state": instance.state, "seconds": instance.duration}
        for instance in run.get_task_instances()
    }
    Path(result).write_text(json.dumps({"state": run.state, "tasks": tasks}))


if __name__ == "__main__":
    main(*sys.argv[1:])

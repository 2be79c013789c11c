"""``run_dag.py FOLDER MODULE...``: run the DAGs of modules once each, by Airflow itself.

What became of each is in FOLDER/<last name of the module>.json: the run's state, and its tasks'.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(folder: str, *modules: str) -> None:
    """Run them one after the other; that one failed is in its result."""
    for module in modules:
        run = importlib.import_module(module).dag.test()
        tasks = {instance.task_id: instance.state for instance in run.get_task_instances()}
        result = Path(folder) / f"{module.rpartition('.')[2]}.json"
        result.write_text(json.dumps({"state": run.state, "tasks": tasks}))


if __name__ == "__main__":
    main(*sys.argv[1:])

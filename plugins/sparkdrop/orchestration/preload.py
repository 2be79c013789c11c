"""What Airflow's long-lived processes import once, so that no task and no parse has to.

Tasks of the LocalExecutor are forked from the scheduler, and DAG files are parsed in forks of the DAG
processor: whatever these two have imported is there already. A task starts in 0.1 s instead of 0.3 s. An
``airflow_local_settings`` calls it, which Airflow imports at its start:
https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html#configuring-local-settings
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPERATORS = (
    "airflow.providers.amazon.aws.operators.emr",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.amazon.aws.triggers.emr",
    "airflow.providers.standard.operators.python",
)
PRELOADED = {
    "scheduler": (
        "airflow.sdk.execution_time.supervisor",
        "airflow.sdk.execution_time.task_runner",
        "airflow.dag_processing.dagbag",
        *_OPERATORS,
    ),
    "dag-processor": ("airflow.dag_processing.dagbag", *_OPERATORS),
}


def preload(arguments: Sequence[str] | None = None) -> None:
    """Import what the forks of this process will need; nothing where it forks none.

    Args:
        arguments: The command line, ``airflow scheduler``; this process's own by default.
    """
    _, command, *_ = [*(sys.argv if arguments is None else arguments), "", ""]
    for name in PRELOADED.get(command, ()):
        importlib.import_module(name)

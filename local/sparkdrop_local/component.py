"""One Airflow component: `python -m sparkdrop_local.component scheduler --aws FILE`.

It does its slow imports first, while the AWS emulation is still starting, takes the emulation's environment
from its file as soon as that is there, and then is the plain `airflow` command.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from sparkdrop_local.announcement import wait_for_environment
from sparkdrop_local.aws.names import AIRFLOW_KEY_ID

ARGUMENTS = {
    "api-server": ["api-server"],
    # all logs are on this machine's disk, so the log servers, which listen on every interface, stay away
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
_IMPORTS = {
    "api-server": ("airflow.api_fastapi.core_api.app", "airflow.api_fastapi.execution_api.app"),
    "scheduler": ("airflow.jobs.scheduler_job_runner", "airflow.executors.local_executor"),
    "dag-processor": ("airflow.dag_processing.manager", "airflow.jobs.dag_processor_job_runner"),
    "triggerer": ("airflow.jobs.triggerer_job_runner",),
}


def main() -> None:
    """Import, wait for AWS, become Airflow."""
    parser = argparse.ArgumentParser(prog="sparkdrop_local.component", description=__doc__)
    parser.add_argument("name", choices=sorted(ARGUMENTS))
    parser.add_argument("--aws", type=Path, required=True, help="the file that the AWS emulation writes")
    options = parser.parse_args()

    # Airflow wants its configuration imported before all else
    for module in ("airflow.configuration", "airflow.__main__", *_IMPORTS[options.name]):
        importlib.import_module(module)
    os.environ.update(wait_for_environment(options.aws, access_key_id=AIRFLOW_KEY_ID))

    from airflow.__main__ import main as airflow  # after its configuration, see above

    sys.argv = ["airflow", *ARGUMENTS[options.name]]
    airflow()


if __name__ == "__main__":
    main()

"""The laptop's Airflow: its settings, its database and its health."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkdrop_local.system import REPOSITORY, LocalSystemError, Login, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPONENTS = ("scheduler", "dag-processor", "triggerer", "api-server")
CACHE = REPOSITORY / ".cache" / "airflow-db"
_HEALTH_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_HERE = Path(__file__).resolve().parent
# neither the caller's Airflow nor the caller's AWS account may reach the local system
_FOREIGN = ("AIRFLOW", "AWS_", "SPARKDROP_", "PYTHON")
# what sets the local system itself, such as an EMR cluster's start-up delay
_OWN = "SPARKDROP_LOCAL_"
# what the caller may set for the pipelines and the maintenance DAG: they name no resource of AWS
_SETTABLE = (
    "SPARKDROP_JOBS_DIR",
    "SPARKDROP_REAP_AFTER",
    "SPARKDROP_REUSE",
    "SPARKDROP_SENSOR_POLL",
    "SPARKDROP_STEP_POLL",
    "SPARKDROP_SWEEP_SCHEDULE",
)
_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def build_base_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What every process gets: the caller's environment without any Airflow or AWS of theirs."""
    kept = {
        name: value
        for name, value in inherited.items()
        if name.startswith(_OWN) or not name.startswith(_FOREIGN)
    }
    loopback = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1,localhost"]))
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "PYTHONUNBUFFERED": "1",
        # Airflow's own use of a library, which would stand in every task's log
        "PYTHONWARNINGS": "ignore:GitWildMatchPattern:DeprecationWarning",
        # Airflow renames its processes, which would wipe the mark that they are found by
        "SPT_NOENV": "1",
    }


def build_pipeline_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What whoever reads the pipeline files has to agree on: the programs, and what a person may set."""
    return {
        "SPARKDROP_JOBS_DIR": str(REPOSITORY / "include" / "spark_jobs"),
        **{name: inherited[name] for name in _SETTABLE if name in inherited},
    }


def build_airflow_environment(
    home: Path, inherited: Mapping[str, str], *, port: int, dags: Path, configs: Path, login: Login
) -> dict[str, str]:
    """Airflow's settings for one machine, and what the project reads beside them.

    Of the caller's environment it takes what pipelines may read and a person may set.

    Every option is described in https://airflow.apache.org/docs/apache-airflow/3.3.2/configurations-ref.html.
    """
    airflow_home = home / "airflow"
    url = f"http://127.0.0.1:{port}"
    options = _tuned_options() | {
        ("core", "dags_folder"): str(dags),
        ("core", "plugins_folder"): str(REPOSITORY / "plugins"),
        ("core", "execution_api_server_url"): f"{url}/execution/",
        ("core", "simple_auth_manager_users"): f"{login.user}:admin",
        ("core", "simple_auth_manager_passwords_file"): str(airflow_home / "passwords.json"),
        ("core", "fernet_key"): base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        ("database", "sql_alchemy_conn"): f"sqlite:///{airflow_home / 'airflow.db'}",
        ("logging", "base_log_folder"): str(airflow_home / "logs"),
        ("logging", "dag_processor_child_process_log_directory"): str(
            airflow_home / "logs" / "dag_processor"
        ),
        ("api", "host"): "127.0.0.1",
        ("api", "port"): str(port),
        ("api", "base_url"): url,
        ("api", "secret_key"): secrets.token_hex(32),
        ("api_auth", "jwt_secret"): secrets.token_hex(64),
    }
    return {
        f"AIRFLOW__{section.upper()}__{name.upper()}": value for (section, name), value in options.items()
    } | {
        "AIRFLOW_HOME": str(airflow_home),
        # found in the environment, so that no hook asks the API for a connection that nobody made
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "plugins"), str(_HERE / "airflow_config")]),
        "SPARKDROP_AIRFLOW_URL": url,
        "SPARKDROP_CONFIG_DIR": str(configs),
        "SPARKDROP_STEP_POLL": "1s",
        **build_pipeline_environment(inherited),
    }


def _tuned_options() -> dict[tuple[str, str], str]:
    return {
        ("core", "executor"): "LocalExecutor",
        # workers are forks that share the scheduler's memory
        ("core", "parallelism"): "4",
        ("core", "load_examples"): "False",
        ("core", "dags_are_paused_at_creation"): "False",
        # the machine's own name: a full one asks a name server, and waits for it without a network
        ("core", "hostname_callable"): "socket.gethostname",
        ("core", "min_serialized_dag_update_interval"): "2",
        # the database is a copy of one that was migrated by the same version
        ("database", "check_migrations"): "False",
        ("api", "workers"): "1",
        # 0.1 s instead of 1 s between two looks for work takes 0.9 s from each task after the first
        ("scheduler", "scheduler_idle_sleep_time"): "0.1",
        ("scheduler", "enable_health_check"): "False",
        # else a task holds its slot up to 5 s after its end
        ("workers", "min_heartbeat_interval"): "1",
        # a changed pipeline file is seen within this many seconds
        ("dag_processor", "min_file_process_interval"): "10",
        ("dag_processor", "refresh_interval"): "5",
        ("dag_processor", "bundle_refresh_check_interval"): "2",
        ("dag_processor", "parsing_processes"): "1",
        ("dag_processor", "print_stats_interval"): "0",
        ("dag_processor", "stale_dag_threshold"): "15",
        # what a killed scheduler or triggerer held is taken up again within half a minute, not five
        ("scheduler", "orphaned_tasks_check_interval"): "20",
        ("scheduler", "task_instance_heartbeat_timeout"): "60",
        ("triggerer", "job_heartbeat_sec"): "2",
        ("triggerer", "triggerer_health_check_threshold"): "12",
        ("metrics", "statsd_on"): "False",
        ("metrics", "otel_on"): "False",
        ("traces", "otel_on"): "False",
        ("sentry", "sentry_on"): "False",
        ("logging", "colored_console_log"): "False",
    }


def make_login() -> Login:
    """A new password for this start."""
    return Login(user="admin", password=secrets.token_urlsafe(12))


def prepare_home(home: Path, environment: Mapping[str, str], login: Login) -> None:
    """Make a fresh AIRFLOW_HOME: an empty, migrated database and the login.

    The AWS emulation forgets everything at its end, so runs of an earlier start would speak of uploads and
    job flows that are nowhere.
    """
    airflow_home = home / "airflow"
    shutil.rmtree(airflow_home, ignore_errors=True)
    airflow_home.mkdir(parents=True, mode=0o700)
    write_private(airflow_home / "passwords.json", json.dumps({login.user: login.password}) + "\n")
    pristine = CACHE / f"{_version_key()}.db"
    if not pristine.exists():
        _migrate(pristine, environment)
    shutil.copyfile(pristine, airflow_home / "airflow.db")
    (airflow_home / "airflow.db").chmod(0o600)


def _version_key() -> str:
    # providers can bring tables of their own
    installed = {
        f"{found.name}=={found.version}"
        for found in distributions()
        if found.name.startswith("apache-airflow")
    }
    return hashlib.sha256("\n".join(sorted(installed)).encode()).hexdigest()[:16]


def _migrate(pristine: Path, environment: Mapping[str, str]) -> None:
    work = CACHE / f"{pristine.stem}.{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    database = work / "airflow.db"
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=dict(environment)
        | {"AIRFLOW_HOME": str(work), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LocalSystemError(f"`airflow db migrate` failed:\n{(done.stdout + done.stderr)[-2000:]}")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    database.replace(pristine)
    shutil.rmtree(work)


def find_unhealthy(url: str, *, timeout_seconds: float = 2) -> str | None:
    """Ask Airflow how it is; answers what is not healthy yet, or None when all is.

    The last question goes to the API that tasks talk to: it builds its routes at the first request, which
    takes over two seconds that the first task would wait.
    """
    health = _ask(f"{url}/api/v2/monitor/health", timeout_seconds)
    if health is None:
        return "api-server"
    waiting = [part for part in _HEALTH_PARTS if health.get(part, {}).get("status") != "healthy"]
    if waiting:
        return ", ".join(waiting)
    return None if _ask(f"{url}/execution/health", timeout_seconds) else "execution API"


def _ask(url: str, timeout_seconds: float) -> dict[str, Any] | None:
    try:
        with _WITHOUT_PROXY.open(url, timeout=timeout_seconds) as answer:
            answered: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return None
    return answered

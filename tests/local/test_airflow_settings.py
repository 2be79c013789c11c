"""The laptop's Airflow: what it is told, and what it is not."""

import importlib
import importlib.util
import json
import stat
from pathlib import Path

import pytest

from sparkdrop.orchestration.preload import PRELOADED, preload
from sparkdrop_local import airflow

LOGIN = airflow.make_login()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return airflow.build_airflow_environment(
        tmp_path, {}, port=8123, dags=tmp_path / "dags", configs=tmp_path / "configs", login=LOGIN
    )


def options(environment: dict[str, str]) -> list[tuple[str, str]]:
    names = [name.split("__") for name in environment if name.startswith("AIRFLOW__")]
    return [(section.lower(), option.lower()) for _, section, option in names]


def test_every_option_is_one_that_this_airflow_knows(environment):
    from airflow.configuration import conf

    described = conf.configuration_description
    unknown = [
        (section, option)
        for section, option in options(environment)
        if option not in described.get(section, {}).get("options", {})
    ]
    assert unknown == []
    assert len(options(environment)) > 30


def test_callers_airflow_and_aws_account_stay_outside():
    inherited = {
        "PATH": "/bin",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_HOME": "/home/me/airflow",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_S3": "https://elsewhere",
        "SPARKDROP_UPLOADS_BUCKET": "real-bucket",
        "SPARKDROP_LOCAL_EMR_DELAYS": "9",
        "PYTHONPATH": "/home/me",
    }

    built = airflow.build_base_environment(inherited)

    assert built["PATH"] == "/bin"
    assert built["SPARKDROP_LOCAL_EMR_DELAYS"] == "9"
    assert set(inherited) & set(built) == {"PATH", "SPARKDROP_LOCAL_EMR_DELAYS"}
    assert built["AWS_CONFIG_FILE"] == built["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert built["AWS_EC2_METADATA_DISABLED"] == "true"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_loopback_goes_past_a_proxy(name):
    built = airflow.build_base_environment({"HTTPS_PROXY": "http://proxy", name: "intranet"})

    assert built["NO_PROXY"] == built["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_every_start_has_its_own_secrets(environment, tmp_path):
    again = airflow.build_airflow_environment(
        tmp_path, {}, port=8123, dags=tmp_path / "dags", configs=tmp_path / "configs", login=LOGIN
    )
    secret = {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"}

    assert {name for name in again if again[name] != environment[name]} == secret
    assert airflow.make_login().password != LOGIN.password
    assert len(LOGIN.password) >= 16


def test_a_fresh_home_has_an_empty_database_and_one_login(tmp_path, monkeypatch):
    pristine = tmp_path / "cache" / f"{airflow._version_key()}.db"
    pristine.parent.mkdir()
    pristine.write_bytes(b"migrated")
    monkeypatch.setattr(airflow, "CACHE", pristine.parent)
    home = tmp_path / "home"
    (home / "airflow").mkdir(parents=True)
    (home / "airflow" / "airflow.db-wal").write_bytes(b"of the last start")

    airflow.prepare_home(home, {}, LOGIN)

    files = {file.name: file for file in (home / "airflow").iterdir()}
    assert set(files) == {"airflow.db", "passwords.json"}
    assert files["airflow.db"].read_bytes() == b"migrated"
    assert json.loads(files["passwords.json"].read_text()) == {"admin": LOGIN.password}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o600}


def test_what_is_preloaded_is_there():
    modules = {module for names in PRELOADED.values() for module in names}

    assert len(modules) >= 6
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def test_only_processes_that_fork_preload(monkeypatch):
    imported = []
    monkeypatch.setattr(importlib, "import_module", imported.append)

    for arguments in (["airflow", "triggerer"], ["airflow"], []):
        preload(arguments)
    assert imported == []
    preload(["airflow", "scheduler"])
    assert imported == list(PRELOADED["scheduler"])


def test_logs_are_read_from_disk_through_the_method_that_is_replaced():
    from airflow.utils.log.file_task_handler import FileTaskHandler

    assert callable(FileTaskHandler._read_from_logs_server)


def test_an_airflow_that_does_not_answer_is_waited_for():
    from sparkdrop_local.processes import pick_port

    assert airflow.find_unhealthy(f"http://127.0.0.1:{pick_port()}") == "api-server"

"""The `sparkdrop local` commands, without a system and beside a pretended one."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sparkdrop_local import api_process, boot, cli
from sparkdrop_local.emr.settings import DELAYS_VARIABLE
from sparkdrop_local.logs import read_lines
from sparkdrop_local.supervisor import make_own_record
from sparkdrop_local.system import (
    EMR_DELAYS_VARIABLE,
    LocalApi,
    LocalSystem,
    Login,
    ProcessRecord,
    load_system,
)

RUNNER = CliRunner()


def invoke(*arguments: str):
    return RUNNER.invoke(cli.app, list(arguments))


@pytest.fixture
def system(tmp_path: Path) -> LocalSystem:
    """A ready system whose supervisor and only process are this very process."""
    me = make_own_record(tmp_path)
    described = LocalSystem(
        system_id="pretended",
        state="ready",
        home=tmp_path,
        supervisor=me,
        processes=(ProcessRecord(name="aws", pid=me.pid, started=me.started, log=tmp_path / "aws.log"),),
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "SPARKDROP_UPLOADS_BUCKET": "it's"},
        airflow_url="http://127.0.0.1:8080",
        login=Login(user="admin", password="secret-of-the-test"),
        api=LocalApi(
            user="demo@sparkdrop.local",
            password="secret-of-[the]-page",
            url="http://127.0.0.1:8090/api",
            page_url="http://127.0.0.1:8090/",
        ),
        ready_seconds=9.5,
    )
    described.save()
    return described


def test_nothing_up_is_exit_code_1_for_status_and_env_and_0_for_down(tmp_path):
    home = ["--home", str(tmp_path)]

    assert invoke("status", *home).exit_code == 1
    env = invoke("env", *home)
    assert env.exit_code == 1
    assert "sparkdrop local up" in env.stderr
    assert env.stdout == ""
    down = invoke("down", *home)
    assert (down.exit_code, down.stdout) == (0, f"nothing was up in {tmp_path}\n")


def test_env_can_be_evaluated_by_a_shell(system, monkeypatch):
    monkeypatch.setattr(api_process, "fetch_token", lambda one: f"token of {one.api.user}")
    said = invoke("env", "--home", str(system.home))

    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        "export AWS_ENDPOINT_URL=http://127.0.0.1:5000",
        "export SPARKDROP_API_TOKEN='token of demo@sparkdrop.local'",
        """export SPARKDROP_UPLOADS_BUCKET='it'"'"'s'""",
    ]
    told = json.loads(invoke("env", "--json", "--home", str(system.home)).stdout)
    assert told.pop("SPARKDROP_API_TOKEN") == "token of demo@sparkdrop.local"
    assert told == system.environment


def test_status_shows_each_process_with_its_memory(system):
    said = invoke("status", "--json", "--home", str(system.home))

    told = json.loads(said.stdout)
    assert said.exit_code == 0
    assert (told["state"], told["airflow_url"]) == ("ready", "http://127.0.0.1:8080")
    assert told["api"] == {
        "user": "demo@sparkdrop.local",
        "password": "secret-of-[the]-page",
        "url": "http://127.0.0.1:8090/api",
        "page_url": "http://127.0.0.1:8090/",
    }
    assert [one["name"] for one in told["processes"]] == ["supervisor", "aws"]
    assert all(one["memory_bytes"] > 1024 * 1024 for one in told["processes"])
    assert told["memory_bytes"] == sum(one["memory_bytes"] for one in told["processes"])
    table = invoke("status", "--home", str(system.home)).stdout
    assert "aws" in table
    assert str(os.getpid()) in table


def test_a_second_up_says_where_the_first_is(system):
    said = invoke("up", "--home", str(system.home))

    assert said.exit_code == 0
    assert "already up" in said.stderr
    assert "http://127.0.0.1:8080" in said.stdout
    assert "secret-of-the-test" in said.stdout
    assert "Page     http://127.0.0.1:8090/   user demo@sparkdrop.local" in said.stdout
    assert "secret-of-[the]-page" in said.stdout
    assert "API      http://127.0.0.1:8090/api" in said.stdout
    assert load_system(system.home) == system


def test_all_cannot_join_aws_alone(system):
    system.model_copy(update={"only_aws": True, "airflow_url": None, "login": None, "api": None}).save()

    said = invoke("up", "--home", str(system.home))

    assert said.exit_code == 1
    assert "sparkdrop local down" in said.stderr


def test_a_dead_supervisor_is_not_up_whatever_its_file_says(system):
    dead = system.supervisor.model_copy(update={"started": system.supervisor.started - 60})
    system.model_copy(update={"supervisor": dead, "processes": ()}).save()

    assert invoke("env", "--home", str(system.home)).exit_code == 1
    told = json.loads(invoke("status", "--json", "--home", str(system.home)).stdout)
    assert (told["state"], told["processes"]) == ("stopped", [])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["up", "--only", "spark"], "--only"),
        (["up", "--empty"], "--empty"),
        (["up", "--port", "70000"], "--port"),
        (["up", "--api-port", "70000"], "--api-port"),
        (["logs", "sheduler"], "PROCESS"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_argument(tmp_path, arguments, named):
    said = invoke(*arguments, "--home", str(tmp_path))

    assert said.exit_code == 2
    assert named in said.stderr


def test_up_without_pipeline_files_says_what_is_missing(tmp_path):
    said = invoke("up", "--home", str(tmp_path / "home"), "--configs", str(tmp_path / "nowhere"))

    assert said.exit_code == 1
    assert str(tmp_path / "nowhere") in said.stderr.replace("\n", "")


def test_a_port_that_is_taken_is_named_with_its_option(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = invoke("up", "--only", "aws", "--home", str(tmp_path), "--port", str(port))

    assert said.exit_code == 1
    assert f"port {port} on 127.0.0.1 is taken: leave out --port" in said.stderr
    assert load_system(tmp_path) is None


def test_logs_name_the_process_only_where_there_are_several(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "aws.log").write_text("one\ntwo\nthree\n")
    (folder / "scheduler.log").write_text("four\n")
    (folder / "aws.previous.log").write_text("of the last start\n")
    home = ["--home", str(tmp_path)]

    assert invoke("logs", "aws", "--lines", "2", *home).stdout == "two\nthree\n"
    assert invoke("logs", "--lines", "1", *home).stdout == "aws        three\nscheduler  four\n"
    assert invoke("logs", "--lines", "0", *home).stdout == ""


def test_followed_logs_go_on_line_by_line(tmp_path):
    log = tmp_path / "logs" / "aws.log"
    log.parent.mkdir()
    log.write_text("one\n")
    lines = read_lines(tmp_path, ["aws"], lines=10, follow=True)
    assert next(lines) == "one"

    with log.open("a") as out:
        out.write("two\nhalf")
    assert next(lines) == "two"
    with log.open("a") as out:
        out.write(" of three\n")
    assert next(lines) == "half of three"


def test_the_group_joins_another_command():
    parent = typer.Typer()
    cli.register(parent)

    said = RUNNER.invoke(parent, ["local", "--help"])

    assert said.exit_code == 0
    assert {"up", "down", "status", "env", "logs", "token"} <= set(said.stdout.split())


def test_status_says_why_a_stack_is_not_here(system: LocalSystem) -> None:
    stacks = {"S3Stack": "deployed", "ApiStack": "no request [would] reach a handler"}
    system.model_copy(update={"stacks": stacks}).save()
    said = invoke("status", "--home", str(system.home)).stdout
    assert "ApiStack is not here: no request [would] reach a handler" in said
    assert "S3Stack is not here" not in said
    assert json.loads(invoke("status", "--home", str(system.home), "--json").stdout)["stacks"] == stacks


def test_an_empty_account_is_not_what_is_up_already(system: LocalSystem) -> None:
    system.model_copy(update={"stacks": {"S3Stack": "deployed"}, "only_aws": True}).save()
    done = invoke("up", "--only", "aws", "--empty", "--home", str(system.home))
    assert done.exit_code == 1
    assert "an account with stacks is up" in done.output


def test_there_is_no_token_without_an_api(system: LocalSystem) -> None:
    system.model_copy(update={"only_aws": True, "api": None}).save()
    said = invoke("token", "--home", str(system.home))
    assert (said.exit_code, said.stdout) == (1, "")
    assert "AWS alone is up" in said.stderr


def test_a_start_plans_the_api_beside_airflow_and_not_beside_aws_alone(tmp_path: Path) -> None:
    request = boot.Request(home=tmp_path, only_aws=True)
    alone = boot.build_plan(request, None)
    assert (alone.system.api, [child.name for child in alone.children]) == (None, ["aws"])
    whole = boot.build_plan(replace(request, only_aws=False), None).system
    assert whole.api is not None
    assert whole.api.page_url == f"http://127.0.0.1:{whole.ports['api']}/"
    child = api_process.build_child(whole.api, {}, aws_file=tmp_path / "aws.json", configs=tmp_path)
    assert child.restarts > 0
    assert child.command[-1] == str(whole.ports["api"])
    assert whole.api.password not in " ".join(child.command)
    again = boot.build_plan(replace(request, only_aws=False), whole).system
    assert again.ports == whole.ports
    assert again.api is not None
    assert again.api.password != whole.api.password


def test_emrs_delays_reach_the_aws_process_by_option_and_by_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_delays(request: boot.Request) -> str | None:
        (aws,) = boot.build_plan(request, None).children
        return aws.env.get(DELAYS_VARIABLE)

    request = boot.Request(home=tmp_path, only_aws=True)
    monkeypatch.delenv(DELAYS_VARIABLE, raising=False)
    assert find_delays(request) is None
    monkeypatch.setenv(DELAYS_VARIABLE, "none")
    assert find_delays(request) == "none"
    assert find_delays(replace(request, emr_delays="real")) == "real"
    assert EMR_DELAYS_VARIABLE == DELAYS_VARIABLE


@pytest.mark.parametrize(
    ("options", "variables", "line"),
    [
        (["--emr-delays", "slow"], {}, "SPARKDROP_LOCAL_EMR_DELAYS=slow: give none, local, real or seconds"),
        ([], {"SPARKDROP_LOCAL_EMR_DELAYS": "-1"}, "SPARKDROP_LOCAL_EMR_DELAYS=-1: give none, local, real"),
        ([], {"SPARKDROP_LOCAL_EMR_CLOCK_RATE": "x"}, "SPARKDROP_LOCAL_EMR_CLOCK_RATE=x: give a number"),
    ],
)
def test_a_bad_setting_of_emr_is_refused_before_anything_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    variables: dict[str, str],
    line: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = invoke("up", "--only", "aws", "--home", str(tmp_path / "home"), *options)
    assert said.exit_code == 1
    assert said.stderr.replace("\n", " ").startswith(f"error: {line}")
    assert not (tmp_path / "home").exists()


def test_an_api_that_does_not_answer_is_waited_for(tmp_path: Path) -> None:
    plan = boot.build_plan(boot.Request(home=tmp_path), None)
    assert plan.find_waiting() == "aws"
    (tmp_path / "aws.json").write_text('{"environment": {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}}')
    assert plan.find_waiting() == "api"
    environment = plan.read_environment()
    assert plan.system.api is not None
    assert environment["SPARKDROP_API_URL"] == plan.system.api.url
    assert environment["SPARKDROP_PAGE_URL"] == plan.system.api.page_url


def test_the_api_reads_the_pipeline_files_as_airflow_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKDROP_JOBS_DIR", str(tmp_path / "jobs"))
    monkeypatch.setenv("SPARKDROP_SENSOR_POLL", "1s")
    children = {child.name: child for child in boot.build_plan(boot.Request(home=tmp_path), None).children}
    for name in ("SPARKDROP_JOBS_DIR", "SPARKDROP_SENSOR_POLL"):
        assert children["api"].env[name] == children["dag-processor"].env[name] == os.environ[name]

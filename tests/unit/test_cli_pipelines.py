import json
import re
import subprocess
import sys
from importlib import metadata

import boto3
import pytest
import yaml
from moto import mock_aws
from typer.testing import CliRunner

from sparkdrop.cli import main, output
from sparkdrop.core.errors import ConfigError, Problem


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARKDROP_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("SPARKDROP_JOBS_DIR", str(tmp_path / "jobs"))
    (tmp_path / "flights.yaml").write_text("arrival: {keys: ['flights/*.csv']}\ntags: [a]\n")
    (tmp_path / "weather.yaml").write_text("arrival: {keys: ['weather/*.csv']}\nschedule: '@daily'\n")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main.build_app(), ["pipelines", *arguments])


def test_list_as_json(folder):
    (folder / "broken.yaml").write_text("arival: 1")
    done = run("list", "--json")
    result = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [pipeline["name"] for pipeline in result["pipelines"]] == ["flights", "weather"]
    assert [problem["path"] for problem in result["errors"]] == ["arrival", "arival"]


def test_list_as_table(folder):
    (folder / "broken.yaml").write_text("arival: 1")
    done = run("list")
    assert done.exit_code == 0
    assert re.search(r"weather +events +weather/\*\.csv +@daily", done.stdout)
    assert "broken.yaml:1: arival: is no known key" in done.stderr


@pytest.mark.usefixtures("folder")
def test_show():
    done = run("show", "flights")
    assert (done.exit_code, yaml.safe_load(done.stdout)["batch"]["max_bytes"]) == (0, "10 GiB")
    assert json.loads(run("show", "flights", "--json").stdout)["tags"] == ["a"]


@pytest.mark.usefixtures("folder")
def test_show_of_an_unknown_name_names_the_nearest():
    done = run("show", "fligths")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no pipeline is called 'fligths'; did you mean 'flights'?" in done.stderr
    assert "there are: flights, weather" in run("show", "zzz").stderr


def test_show_of_a_broken_file_says_what_is_wrong(folder):
    (folder / "broken.yaml").write_text("arrival: {keys: []}")
    done = run("show", "broken")
    assert done.exit_code == 1
    assert "broken.yaml:1: arrival.keys" in done.stderr


@pytest.mark.usefixtures("folder")
def test_validate_is_fine():
    done = run("validate")
    assert (done.exit_code, done.stdout) == (0, "2 pipelines are fine: flights, weather\n")
    assert json.loads(run("validate", "--json").stdout) == {"valid": ["flights", "weather"], "problems": []}


def test_validate_finds_errors(folder):
    (folder / "broken.yaml").write_text("arrival: {keys: ['b/*.csv']}\nbatch: {max_files: 0}")
    done = run("validate", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["problems"] == [
        {
            "file": str(folder / "broken.yaml"),
            "path": "batch.max_files",
            "message": "found 0 (a whole number); accepted: 1 or more",
            "line": 2,
            "hint": "",
        }
    ]
    assert f"{folder / 'broken.yaml'}:2: batch.max_files: found 0" in run("validate").stderr


def test_validate_of_one_file_looks_at_its_neighbours(folder):
    (folder / "broken.yaml").write_text("arrival: {keys: []}")
    assert run("validate", str(folder / "flights.yaml")).exit_code == 0
    (folder / "more.yaml").write_text("arrival: {keys: ['flights/a.csv']}")
    done = run("validate", str(folder / "more.yaml"))
    assert done.exit_code == 1
    assert "flights.yaml" in done.stderr
    assert "broken.yaml" not in done.stderr
    (folder / "_defaults.yaml").write_text("owne: x")
    assert "_defaults.yaml" in run("validate", str(folder / "weather.yaml")).stderr


def test_validate_of_nothing_is_wrong_usage(folder):
    done = run("validate", str(folder / "nowhere.yaml"))
    assert done.exit_code == 2
    assert "nowhere.yaml" in done.stderr


def test_new_writes_a_file_that_loads(folder):
    done = run("new", "sales", "--json")
    result = json.loads(done.stdout)
    assert (done.exit_code, result["file"]) == (0, str(folder / "sales.yaml"))
    assert yaml.safe_load((folder / "sales.yaml").read_text()) == {"arrival": {"keys": ["sales/*.csv"]}}
    assert run("validate").exit_code == 0
    assert run("new", "sales").exit_code == 1


def test_new_takes_patterns(folder):
    keys = ["in/*: x.json", "in/**/y z.json"]
    assert run("new", "sales", "--keys", keys[0], "--keys", keys[1]).exit_code == 0
    assert yaml.safe_load((folder / "sales.yaml").read_text())["arrival"]["keys"] == keys


def test_new_writes_nothing_that_would_not_load(folder):
    wrong_name = run("new", "Daily-Sales")
    assert wrong_name.exit_code == 2
    assert "try 'daily_sales'" in wrong_name.stderr
    overlapping = run("new", "more", "--keys", "flights/jan*.csv")
    assert overlapping.exit_code == 1
    assert "can match the same object, as in 'flights/jan.csv'" in overlapping.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["flights.yaml", "weather.yaml"]


def test_version():
    done = CliRunner().invoke(main.build_app(), ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"sparkdrop {metadata.version('sparkdrop')}\n")


class FakeEntry:
    """An entry point of another package."""

    name = "extra"

    @staticmethod
    def load():
        def register(app):
            @app.command("extra")
            def extra():
                raise ConfigError(Problem(file="f", path="p", message="is wrong"))

        return register


def test_other_packages_add_commands_and_our_errors_are_one_line(monkeypatch):
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [FakeEntry()]

    monkeypatch.setattr(main.metadata, "entry_points", entry_points)
    done = CliRunner().invoke(main.build_app(), ["extra"])
    assert (done.exit_code, done.stderr) == (1, "error: f: p: is wrong\n")
    assert asked == ["sparkdrop.commands"]


def test_records_are_printed_as_asked(capsys):
    records = [{"upload_id": "U", "key": "[red]a[/red]", "rows": None}]
    output.print_records(records, ["upload_id", "key"], as_json=True)
    assert json.loads(capsys.readouterr().out) == records
    output.print_records(records, ["upload_id", "key"], as_json=False)
    assert "[red]a[/red]" in capsys.readouterr().out
    output.print_records([], ["upload_id"], as_json=False, empty="no uploads")
    assert capsys.readouterr().out == "no uploads\n"


def test_the_command_starts_without_airflow_boto3_and_the_models():
    heavy = ["airflow", "boto3", "botocore", "sparkdrop.core.pipeline", "pydantic", "rich.table"]
    code = (
        "import sys; import sparkdrop.cli.pipelines, sparkdrop.cli.output\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SPARKDROP_ARTIFACTS_BUCKET", "artifacts")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="artifacts")
        yield client


def test_publish_tells_what_changed(folder, s3):
    done = run("publish")
    assert (done.exit_code, done.stdout) == (0, "flights: added\nweather: added\n2 published\n")
    assert run("publish").stdout == "2 published, as they were before\n"
    (folder / "flights.yaml").unlink()
    done = run("publish", "--json")
    assert json.loads(done.stdout) == {"pipelines": ["weather"], "changes": ["flights: removed"]}
    known = json.loads(s3.get_object(Bucket="artifacts", Key="pipelines.json")["Body"].read())
    assert [pipeline["name"] for pipeline in known["pipelines"]] == ["weather"]


def test_publish_writes_nothing_where_a_file_is_wrong(folder, s3):
    (folder / "broken.yaml").write_text("arival: 1")
    done = run("publish")
    assert (done.exit_code, "broken.yaml:1: arival: is no known key" in done.stderr) == (1, True)
    assert "Contents" not in s3.list_objects_v2(Bucket="artifacts")


@pytest.mark.usefixtures("folder", "s3")
def test_publish_into_a_bucket_that_is_not_there():
    done = run("publish", "--bucket", "nowhere")
    assert (done.exit_code, "s3://nowhere cannot be written" in done.stderr) == (1, True)

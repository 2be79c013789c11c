"""The function of links, uploads and runs: what it is told, and that somebody hears when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template

ORIGINS = {
    "dev": "http://localhost:8080,http://127.0.0.1:8080",
    "prod": "",
    "full": "https://uploads.example.com",
    "existing": "",
}


@pytest.fixture(scope="module", params=list(ORIGINS))
def stage(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def stack(load_template: LoadTemplate, stage: str) -> Template:
    return load_template("UploadsApiStack", stage)


def test_the_function_is_what_its_settings_say(stack: Template, stage: str) -> None:
    function = stack.properties("AWS::Lambda::Function")
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert (function["MemorySize"], function["Timeout"]) == (512, 29)
    assert function["Handler"] == "handler.handler.handle"
    assert function.get("ReservedConcurrentExecutions") == (20 if stage == "full" else None)


def test_both_functions_are_of_one_package(load_template: LoadTemplate, stage: str) -> None:
    codes = [
        load_template(stack, stage).properties("AWS::Lambda::Function")["Code"]["S3Key"]
        for stack in ("InvokeStack", "UploadsApiStack")
    ]
    assert codes[0] == codes[1]


def test_the_function_is_told_where_things_are_and_what_a_caller_may_ask_for(
    stack: Template, stage: str
) -> None:
    variables = dict(stack.properties("AWS::Lambda::Function")["Environment"]["Variables"])
    imported = {
        "SPARKDROP_UPLOADS_BUCKET": "UploadsBucket",
        "SPARKDROP_ARTIFACTS_BUCKET": "ArtifactsBucket",
        "SPARKDROP_LEDGER_TABLE": "LedgerTable",
        "SPARKDROP_ARRIVALS_QUEUE_URL": "ArrivalsQueue",
        "SPARKDROP_UPLOAD_ROLE_ARN": "UploadRole",
    }
    for name, part in imported.items():
        assert part in variables.pop(name)["Fn::ImportValue"]
    assert variables == {
        "SPARKDROP_ACCOUNT_ID": {"Ref": "AWS::AccountId"},
        "SPARKDROP_CORS_ORIGINS": ORIGINS[stage],
        "SPARKDROP_LINK_SECONDS": "300" if stage == "full" else "900",
        "SPARKDROP_DAILY_UPLOADS": "10000",
        "SPARKDROP_DAILY_BYTES": str((100 if stage == "full" else 10 * 1024) * 1024**3),
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def test_the_function_has_its_own_role_log_and_alarms(stack: Template, stage: str) -> None:
    role = stack.properties("AWS::IAM::Role")
    assert not {"ManagedPolicyArns", "Policies"} & set(role)
    ((log_id, log),) = stack.all("AWS::Logs::LogGroup").items()
    assert log["Properties"]["RetentionInDays"] == (90 if stage == "prod" else 30)
    function = stack.properties("AWS::Lambda::Function")
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": log_id}}
    alarms = [alarm["Properties"] for alarm in stack.all("AWS::CloudWatch::Alarm").values()]
    assert {alarm["MetricName"] for alarm in alarms} == {"Errors", "Throttles"}
    (function_id,) = stack.all("AWS::Lambda::Function")
    assert stack.body["Outputs"]["UploadsFunctionName"] == {"Value": {"Ref": function_id}}

"""The function of POST /invoke: what it may do, and that somebody hears when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LoadTemplate, Template


@pytest.fixture(scope="module", params=["dev", "prod", "full", "existing"])
def stage(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def stack(load_template: LoadTemplate, stage: str) -> Template:
    return load_template("InvokeStack", stage)


def read_statements(stack: Template) -> dict[str, dict[str, Any]]:
    """What the function's role may do, by each statement's name."""
    statements = stack.properties("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {statement.get("Sid", "Trace"): statement for statement in statements}


def test_the_function_runs_on_arm64_with_what_the_settings_say(stack: Template, stage: str) -> None:
    function = stack.properties("AWS::Lambda::Function")
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert (function["MemorySize"], function["Timeout"]) == (512, 10)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function.get("ReservedConcurrentExecutions") == (10 if stage == "full" else None)
    assert function["Handler"] == "handler.handler.handle"
    assert "DeadLetterConfig" not in function


def test_the_function_gets_the_names_that_it_reads(stack: Template) -> None:
    variables = stack.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    found = {name: value["Fn::ImportValue"] for name, value in variables.items() if isinstance(value, dict)}
    assert {name: part for name, part in found.items() if part} == found
    for name, part in {
        "SPARKDROP_UPLOADS_BUCKET": "UploadsBucket",
        "SPARKDROP_ARTIFACTS_BUCKET": "ArtifactsBucket",
        "SPARKDROP_LEDGER_TABLE": "LedgerTable",
        "SPARKDROP_ARRIVALS_QUEUE_URL": "ArrivalsQueue",
    }.items():
        assert part in found.pop(name)
    assert not found


def test_the_role_may_do_five_things_and_no_more(stack: Template, stage: str) -> None:
    statements = read_statements(stack)
    actions = {name: statement["Action"] for name, statement in statements.items()}
    if stage in {"prod", "full"}:
        assert actions.pop("DecryptCatalog") == "kms:Decrypt"
        assert "DataKey" in statements["DecryptCatalog"]["Resource"]["Fn::ImportValue"]
        assert list(statements["DecryptCatalog"]["Condition"]["StringEquals"]) == ["kms:ViaService"]
    assert actions == {
        "WriteOwnLog": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Trace": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
        "ReadCatalog": "s3:GetObject",
        "RecordInvocations": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "WakePipelines": "sqs:SendMessage",
    }
    role = stack.properties("AWS::IAM::Role")
    assert not {"ManagedPolicyArns", "Policies"} & set(role)


def test_of_the_artifacts_the_function_reads_the_catalog_alone(stack: Template) -> None:
    resource = read_statements(stack)["ReadCatalog"]["Resource"]["Fn::Join"][1]
    assert "ArtifactsBucket" in resource[0]["Fn::ImportValue"]
    assert resource[1:] == ["/pipelines.json"]


def test_of_the_ledger_the_function_touches_invocations_alone(stack: Template) -> None:
    statement = read_statements(stack)["RecordInvocations"]
    assert "LedgerTable" in statement["Resource"]["Fn::ImportValue"]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["invocation#*", "invocations#*"]}
    }


def test_the_log_is_the_functions_own_and_ends(stack: Template, stage: str) -> None:
    ((log_id, log),) = stack.all("AWS::Logs::LogGroup").items()
    assert log["Properties"]["RetentionInDays"] == (90 if stage == "prod" else 30)
    assert log["DeletionPolicy"] == "Delete"
    function = stack.properties("AWS::Lambda::Function")
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": {"Ref": log_id}}
    assert read_statements(stack)["WriteOwnLog"]["Resource"] == {"Fn::GetAtt": [log_id, "Arn"]}


def test_errors_and_throttles_are_alerts(stack: Template) -> None:
    alarms = [alarm["Properties"] for alarm in stack.all("AWS::CloudWatch::Alarm").values()]
    assert {alarm["MetricName"] for alarm in alarms} == {"Errors", "Throttles"}
    (function_id,) = stack.all("AWS::Lambda::Function")
    for alarm in alarms:
        assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function_id}}]
        assert (alarm["Threshold"], alarm["TreatMissingData"]) == (0, "notBreaching")
        (topic,) = alarm["AlarmActions"]
        assert "Alerts" in topic["Fn::ImportValue"]
        assert alarm["OKActions"] == [topic]


def test_the_functions_name_is_an_output(stack: Template) -> None:
    (function_id,) = stack.all("AWS::Lambda::Function")
    assert stack.body["Outputs"]["InvokeFunctionName"] == {"Value": {"Ref": function_id}}

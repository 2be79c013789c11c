"""The API as its template says it: who may call, what is checked, what is answered, what is written down."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft4Validator

from infra.constructs.api_models import build_draft4
from sparkdrop.core.invocation import Invocation

if TYPE_CHECKING:
    from conftest import LoadTemplate, StartPython, Template

CALLS = {
    ("GET", "/upload-url"),
    ("POST", "/uploads"),
    ("GET", "/uploads"),
    ("GET", "/uploads/{id}"),
    ("GET", "/uploads/{id}/parts"),
    ("POST", "/uploads/{id}/complete"),
    ("DELETE", "/uploads/{id}"),
    ("POST", "/invoke"),
    ("GET", "/runs/{id}"),
    ("GET", "/pipelines"),
    ("GET", "/openapi.json"),
    ("GET", "/health"),
}
WITH_BODY = {("POST", "/uploads"), ("POST", "/invoke")}
# What runs a pipeline has a function, and so a role, of its own.
INVOKE = {("POST", "/invoke")}
STAGES_BY_AUTHORIZER = {"AWS_IAM": ("existing",), "COGNITO_USER_POOLS": ("dev", "prod", "full")}
AUTHORIZED = [(stage, kind) for kind, stages in STAGES_BY_AUTHORIZER.items() for stage in stages]
DEV_ORIGINS = {"http://localhost:8080", "http://127.0.0.1:8080"}
TLS = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"

# In a process of its own: Node is never started in the tests'.
PREFLIGHTS = """
import json
import infra
from infra.constructs.api_access import admit_account

documents = {str(asked): admit_account("dev", preflight=asked).policy.to_json() for asked in (True, False)}
print(json.dumps({
    asked: [statement["Resource"] for statement in document["Statement"]]
    for asked, document in documents.items()
}))
"""

Methods = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def api(load_template: LoadTemplate) -> Template:
    return load_template("ApiStack")


def read_methods(template: Template) -> Methods:
    """Every method with the path that its resources spell."""
    resources = template.all("AWS::ApiGateway::Resource")

    def spell(reference: dict[str, Any]) -> str:
        if "Ref" not in reference:
            return ""
        properties = resources[reference["Ref"]]["Properties"]
        return f"{spell(properties['ParentId'])}/{properties['PathPart']}"

    return {
        (properties["HttpMethod"], spell(properties["ResourceId"])): properties
        for properties in (
            method["Properties"] for method in template.all("AWS::ApiGateway::Method").values()
        )
    }


def read_schema(template: Template, call: tuple[str, str]) -> dict[str, Any]:
    models = read_methods(template)[call]["RequestModels"]
    assert list(models) == ["$default"], "a body of another content type would pass unchecked"
    schema: dict[str, Any] = template.body["Resources"][models["$default"]["Ref"]]["Properties"]["Schema"]
    return schema


def render(text: str) -> dict[str, Any]:
    """Fill a template as API Gateway does, and read it: directives leave nothing, variables their values."""
    values = {
        "$context.requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "$context.error.responseType": "SOME_TYPE",
        "$context.error.validationErrorString": r"[object has missing required properties ([\"input\"])]",
    }
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    document: dict[str, Any] = json.loads(re.sub(r"\$[\w.]+", lambda found: values[found[0]], text))
    return document


@pytest.mark.parametrize(("stage", "kind"), AUTHORIZED)
def test_every_call_is_there_and_authorized(load_template: LoadTemplate, stage: str, kind: str) -> None:
    template = load_template("ApiStack", stage)
    methods = {call: method for call, method in read_methods(template).items() if call[0] != "OPTIONS"}
    assert set(methods) == CALLS
    assert {method["AuthorizationType"] for method in methods.values()} == {kind}
    authorizers = set(template.all("AWS::ApiGateway::Authorizer"))
    assert {method.get("AuthorizerId", {}).get("Ref") for method in methods.values()} == (
        authorizers or {None}
    )
    assert bool(authorizers) == (kind == "COGNITO_USER_POOLS")


@pytest.mark.parametrize("stage", ["dev", "full", "existing"])
def test_only_a_preflight_is_open_and_only_where_a_page_may_call(
    load_template: LoadTemplate, stage: str
) -> None:
    methods = read_methods(load_template("ApiStack", stage))
    opened = {call for call, method in methods.items() if method["AuthorizationType"] == "NONE"}
    paths = set() if stage == "existing" else {path for _, path in CALLS}
    assert opened == {("OPTIONS", path) for path in paths}
    assert {methods[call]["Integration"]["Type"] for call in opened} <= {"MOCK"}


def test_where_requests_are_signed_the_account_alone_is_admitted(load_template: LoadTemplate) -> None:
    account = {
        "AWS": {
            "Fn::Join": [
                "",
                ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"],
            ]
        }
    }

    policy = load_template("ApiStack", "existing").properties("AWS::ApiGateway::RestApi")["Policy"]
    (statement,) = policy["Statement"]
    assert statement == {
        "Sid": "ThisAccount",
        "Effect": "Allow",
        "Principal": account,
        "Action": "execute-api:Invoke",
        "Resource": "execute-api:/existing/*",
    }


def test_everyone_may_ask_for_cors_where_a_page_signs_its_requests(start_python: StartPython) -> None:
    process = start_python("-c", PREFLIGHTS)
    output, _ = process.communicate(timeout=60)
    assert json.loads(output) == {
        "True": ["execute-api:/dev/*", "execute-api:/dev/OPTIONS/*"],
        "False": ["execute-api:/dev/*"],
    }


def test_tokens_are_of_the_pool_of_the_users_stack(load_template: LoadTemplate) -> None:
    for stage in STAGES_BY_AUTHORIZER["COGNITO_USER_POOLS"]:
        authorizer = load_template("ApiStack", stage).properties("AWS::ApiGateway::Authorizer")
        (pool,) = authorizer["ProviderARNs"]
        assert "UsersPool" in pool["Fn::ImportValue"]
        assert authorizer["IdentitySource"] == "method.request.header.Authorization"


def test_parameters_and_bodies_are_checked_before_anything_runs(api: Template) -> None:
    methods = read_methods(api)
    validators = api.all("AWS::ApiGateway::RequestValidator")
    for call in CALLS:
        validator = validators[methods[call]["RequestValidatorId"]["Ref"]]["Properties"]
        assert validator["ValidateRequestParameters"] is True
        assert validator["ValidateRequestBody"] is (call in WITH_BODY)
        assert ("RequestModels" in methods[call]) is (call in WITH_BODY)
    assert methods["GET", "/upload-url"]["RequestParameters"] == {
        "method.request.querystring.pipeline": True,
        "method.request.querystring.filename": True,
        "method.request.querystring.size": True,
        "method.request.querystring.sha256": True,
        "method.request.querystring.content_type": False,
    }
    parts = methods["GET", "/uploads/{id}/parts"]["RequestParameters"]
    assert parts == {"method.request.path.id": True, "method.request.querystring.part": False}
    with_id = [path for _, path in CALLS if "{id}" in path]
    assert {
        methods[call]["RequestParameters"]["method.request.path.id"] for call in CALLS if call[1] in with_id
    } == {True}


INVOCATION = {
    "pipeline": "flights",
    "input": "s3://b/flights/",
    "arguments": ["-v"],
    "idempotency_key": "k-1",
}
UPLOAD = {"pipeline": "flights", "filename": "Flüge 1.csv", "size": 5, "content_type": "text/csv"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invoke", INVOCATION),
        ("/invoke", {key: value for key, value in INVOCATION.items() if key != "arguments"}),
        ("/uploads", UPLOAD),
        ("/uploads", {"pipeline": "flights", "filename": "a", "size": 5 * 1024**4}),
    ],
)
def test_a_good_body_is_taken(api: Template, path: str, body: dict[str, Any]) -> None:
    Draft4Validator(read_schema(api, ("POST", path))).validate(body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invoke", {}),
        ("/invoke", []),
        ("/invoke", {**INVOCATION, "role": "admin"}),
        ("/invoke", {**INVOCATION, "pipeline": ""}),
        ("/invoke", {**INVOCATION, "pipeline": "p" * 65}),
        ("/invoke", {**INVOCATION, "input": 1}),
        ("/invoke", {**INVOCATION, "arguments": "-v"}),
        ("/invoke", {**INVOCATION, "arguments": [1]}),
        ("/invoke", {**INVOCATION, "arguments": [""]}),
        ("/invoke", {**INVOCATION, "idempotency_key": "two words"}),
        ("/invoke", {**INVOCATION, "idempotency_key": "k" * 129}),
        ("/uploads", {**UPLOAD, "key": "other/key"}),
        ("/uploads", {**UPLOAD, "size": 0}),
        ("/uploads", {**UPLOAD, "size": "5"}),
        ("/uploads", {**UPLOAD, "size": 5 * 1024**4 + 1}),
        ("/uploads", {**UPLOAD, "content_type": ""}),
        ("/uploads", {**UPLOAD, "sha256": "0" * 64}),
        ("/uploads", {"pipeline": "flights", "size": 5}),
    ],
)
def test_a_bad_body_is_refused_with_every_key_that_is_not_known(api: Template, path: str, body: Any) -> None:
    assert not Draft4Validator(read_schema(api, ("POST", path))).is_valid(body)


@pytest.mark.parametrize("path", [path for _, path in sorted(WITH_BODY)])
def test_the_schemas_are_draft_4(api: Template, path: str) -> None:
    schema = read_schema(api, ("POST", path))
    assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
    Draft4Validator.check_schema(schema)


def test_the_invocations_schema_takes_what_its_model_takes(api: Template) -> None:
    schema = read_schema(api, ("POST", "/invoke"))
    assert set(schema["properties"]) == set(Invocation.model_fields)
    assert set(schema["required"]) == {
        name for name, field in Invocation.model_fields.items() if field.is_required()
    }


def test_a_keyword_that_draft_4_lacks_is_not_passed_on() -> None:
    with pytest.raises(ValueError, match="exclusiveMinimum"):
        build_draft4({"type": "object", "properties": {"n": {"type": "integer", "exclusiveMinimum": 0}}})


@pytest.mark.parametrize("stage", ["dev", "prod", "full", "existing"])
def test_every_call_is_answered_by_the_function_that_may_do_it(
    load_template: LoadTemplate, stage: str
) -> None:
    template = load_template("ApiStack", stage)
    for call, method in read_methods(template).items():
        if call[0] == "OPTIONS":
            continue
        integration = method["Integration"]
        assert (integration["Type"], integration["IntegrationHttpMethod"]) == ("AWS_PROXY", "POST")
        function = "InvokeFunction" if call in INVOKE else "UploadsFunction"
        assert function in str(integration["Uri"])


def test_what_api_gateway_refuses_is_a_problem_document_too(api: Template) -> None:
    answers = {
        answer["Properties"]["ResponseType"]: answer["Properties"]
        for answer in api.all("AWS::ApiGateway::GatewayResponse").values()
    }
    statuses = {kind: answer.get("StatusCode") for kind, answer in answers.items()}
    expected = {
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": None,
        "ACCESS_DENIED": "403",
        "THROTTLED": "429",
        "BAD_REQUEST_BODY": "422",
        "BAD_REQUEST_PARAMETERS": "400",
    }
    assert expected.items() <= statuses.items()
    for kind, answer in answers.items():
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        document = render(answer["ResponseTemplates"]["application/json"])
        assert re.fullmatch(r"urn:sparkdrop:problem:[a-z-]+", document["type"])
        assert document["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
        assert document["title"]
        assert document["detail"]
        assert str(document.get("status")) == str(statuses[kind])
        missing = [{"detail": '[object has missing required properties (["input"])]'}]
        assert document.get("errors") == (missing if kind.startswith("BAD_REQUEST") else None)


def test_cors_names_the_listed_origins_and_no_other(load_template: LoadTemplate) -> None:
    several, one, none = (str(load_template("ApiStack", stage).body) for stage in ("dev", "full", "existing"))
    origin = r"https?://[\w.:-]+"
    assert set(re.findall(origin, several)) >= DEV_ORIGINS
    assert "https://uploads.example.com" in one
    assert "Access-Control" not in none
    for text in (several, one):
        assert "Access-Control-Allow-Origin': \"'*'\"" not in text
        assert "Allow-Credentials" not in text
    methods = read_methods(load_template("ApiStack"))
    for call in CALLS:
        preflight = methods["OPTIONS", call[1]]["Integration"]["IntegrationResponses"][0]
        headers = preflight["ResponseParameters"]
        offered = {headers["method.response.header.Access-Control-Allow-Origin"].strip("'")}
        offered |= set(re.findall(rf'"({origin})"', preflight["ResponseTemplates"]["application/json"]))
        assert offered == DEV_ORIGINS
        allowed = headers["method.response.header.Access-Control-Allow-Methods"].strip("'").split(",")
        assert set(allowed) == {method for method, path in CALLS if path == call[1]}


def test_a_refusal_can_be_read_by_the_page_it_refuses(load_template: LoadTemplate) -> None:
    def read(stage: str) -> set[str | None]:
        answers = load_template("ApiStack", stage).all("AWS::ApiGateway::GatewayResponse").values()
        header = "gatewayresponse.header.Access-Control-Allow-Origin"
        return {answer["Properties"]["ResponseParameters"].get(header) for answer in answers}

    assert read("full") == {"'https://uploads.example.com'"}
    assert read("dev") == {"method.request.header.Origin"}
    assert read("existing") == {None}


def test_the_stage_throttles_traces_and_logs_no_body(load_template: LoadTemplate) -> None:
    for name in ("dev", "prod", "full", "existing"):
        template = load_template("ApiStack", name)
        stage = template.properties("AWS::ApiGateway::Stage")
        assert (stage["StageName"], stage["TracingEnabled"]) == (name, True)
        (settings,) = stage["MethodSettings"]
        assert settings == {
            "HttpMethod": "*",
            "ResourcePath": "/*",
            "ThrottlingRateLimit": 50,
            "ThrottlingBurstLimit": 100,
            "MetricsEnabled": True,
            "LoggingLevel": "ERROR",
            "DataTraceEnabled": False,
        }
        plan = template.properties("AWS::ApiGateway::UsagePlan")
        assert plan["Throttle"] == {"RateLimit": 50, "BurstLimit": 100}
        assert plan["ApiStages"][0]["Stage"] in (
            {"Ref": key} for key in template.all("AWS::ApiGateway::Stage")
        )
        fields = json.loads(stage["AccessLogSetting"]["Format"])
        assert {"request_id", "source_ip", "caller", "user", "status", "error"} <= set(fields)
        told = "".join(fields.values())
        assert re.sub(r"\$context\.[\w.]+", "", told) == ""
        assert not re.search(r"body|querystring|header|authorizer\.(?!claims\.sub)|apiKey$", told)


def test_every_log_forgets_after_the_settings_days(load_template: LoadTemplate) -> None:
    for stage, days, count in (("dev", 30, 2), ("prod", 90, 3)):
        groups = load_template("ApiStack", stage).all("AWS::Logs::LogGroup").values()
        assert [group["Properties"]["RetentionInDays"] for group in groups] == [days] * count
    template = load_template("ApiStack")
    execution = template.properties("AWS::Logs::LogGroup", "ExecutionLog")["LogGroupName"]
    (api,) = template.all("AWS::ApiGateway::RestApi")
    assert execution == {"Fn::Join": ["", ["API-Gateway-Execution-Logs_", {"Ref": api}, "/dev"]]}
    # else API Gateway makes the group first, without an end to it
    (log,) = (key for key in template.all("AWS::Logs::LogGroup") if "ExecutionLog" in key)
    assert log in template.find("AWS::ApiGateway::Stage")["DependsOn"]


def test_the_accounts_log_role_outlives_the_stack(api: Template) -> None:
    for kind in ("AWS::ApiGateway::Account", "AWS::IAM::Role"):
        assert api.find(kind)["DeletionPolicy"] == "Retain"


def test_tls_starts_at_1_2_on_every_name(load_template: LoadTemplate) -> None:
    for stage in ("dev", "full"):
        api = load_template("ApiStack", stage).properties("AWS::ApiGateway::RestApi")
        assert (api["SecurityPolicy"], api["EndpointAccessMode"]) == (TLS, "STRICT")
        assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
        assert api["DisableExecuteApiEndpoint"] is (stage == "full")


def test_a_domain_has_its_certificate_and_its_record_in_the_given_zone(load_template: LoadTemplate) -> None:
    template = load_template("ApiStack", "full")
    name = template.properties("AWS::ApiGateway::DomainName")
    assert (name["DomainName"], name["SecurityPolicy"]) == ("api.data.example.com", TLS)
    assert name["RegionalCertificateArn"].endswith(":certificate/01234567-89ab-cdef-0123-456789abcdef")
    (domain,) = template.all("AWS::ApiGateway::DomainName")
    mapping = template.properties("AWS::ApiGateway::BasePathMapping")
    assert mapping["DomainName"] == {"Ref": domain}
    assert "BasePath" not in mapping
    record = template.properties("AWS::Route53::RecordSet")
    assert (record["Name"], record["HostedZoneId"]) == ("api.data.example.com.", "Z0123456789ABCDEFGHIJ")
    assert record["AliasTarget"]["DNSName"] == {"Fn::GetAtt": [domain, "RegionalDomainName"]}
    assert template.body["Outputs"]["ApiUrl"]["Value"] == "https://api.data.example.com/"


def test_the_url_is_the_stages_where_there_is_no_domain(api: Template) -> None:
    (stage,) = api.all("AWS::ApiGateway::Stage")
    value = api.body["Outputs"]["ApiUrl"]["Value"]["Fn::Join"][1]
    assert value[0] == "https://"
    assert value[-3:] == ["/", {"Ref": stage}, "/"]
    assert {name for name in api.body["Outputs"] if not name.startswith("Exports")} == {"ApiUrl"}
    assert not api.all("AWS::ApiGateway::DomainName")


def test_the_firewall_is_there_where_it_is_on(load_template: LoadTemplate) -> None:
    for name in ("dev", "existing"):
        assert "AWS::WAFv2" not in str(load_template("ApiStack", name).body)
    template = load_template("ApiStack", "full")
    (acl,) = template.all("AWS::WAFv2::WebACL")
    (stage,) = template.all("AWS::ApiGateway::Stage")
    association = template.properties("AWS::WAFv2::WebACLAssociation")
    assert association["WebACLArn"] == {"Fn::GetAtt": [acl, "Arn"]}
    assert association["ResourceArn"]["Fn::Join"][1][-2:] == ["/stages/", {"Ref": stage}]
    properties = template.properties("AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in properties["Rules"]}
    assert properties["Scope"] == "REGIONAL"
    assert {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
        "RateOfOneAddress",
    } == set(rules)
    rate = rules["RateOfOneAddress"]
    assert rate["Action"] == {"Block": {}}
    # all of the stage's 50 calls a second, over five minutes
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": 15_000,
    }
    assert all(rule["OverrideAction"] == {"None": {}} for rule in rules.values() if rule is not rate)
    assert not properties["VisibilityConfig"]["SampledRequestsEnabled"]


def test_the_firewall_counts_what_would_stop_the_apis_own_calls(load_template: LoadTemplate) -> None:
    properties = load_template("ApiStack", "full").properties("AWS::WAFv2::WebACL")
    statements = {rule["Name"]: rule["Statement"] for rule in properties["Rules"]}
    overridden = {
        name: statement["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
        for name, statement in statements.items()
        if "ManagedRuleGroupStatement" in statement
    }
    common = overridden.pop("AWSManagedRulesCommonRuleSet")
    assert common == [
        {"ActionToUse": {"Count": {}}, "Name": name}
        for name in (
            "SizeRestrictions_BODY",
            "SizeRestrictions_QUERYSTRING",
            "RestrictedExtensions_QUERYARGUMENTS",
        )
    ]
    assert not any(overridden.values())


def test_the_firewalls_log_holds_no_credentials(load_template: LoadTemplate) -> None:
    template = load_template("ApiStack", "full")
    logging = template.properties("AWS::WAFv2::LoggingConfiguration")
    assert {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]} == {
        "authorization",
        "x-amz-security-token",
    }
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
    (destination,) = logging["LogDestinationConfigs"]
    assert not str(destination["Fn::Join"][1][-1]).endswith("*")
    name = template.properties("AWS::Logs::LogGroup", "Firewall")["LogGroupName"]["Fn::Join"][1]
    assert name[0] == "aws-waf-logs-sparkdrop-full-api-"


def test_api_gateway_may_call_a_function_for_its_own_methods_only(api: Template) -> None:
    (rest_api,) = api.all("AWS::ApiGateway::RestApi")
    (stage,) = api.all("AWS::ApiGateway::Stage")
    permitted: dict[str, str] = {}
    for resource in api.all("AWS::Lambda::Permission").values():
        permission = resource["Properties"]
        assert (permission["Action"], permission["Principal"]) == (
            "lambda:InvokeFunction",
            "apigateway.amazonaws.com",
        )
        *_, one, slash, other, call = permission["SourceArn"]["Fn::Join"][1]
        assert (one, slash, other) == ({"Ref": rest_api}, "/", {"Ref": stage})
        permitted[call] = str(permission["FunctionName"])
    methods = {call: method for call, method in read_methods(api).items() if call[0] != "OPTIONS"}
    assert permitted == {
        f"/{verb}{path.replace('{id}', '*')}": str(method["Integration"]["Uri"]["Fn::Join"][1][-2])
        for (verb, path), method in methods.items()
    }


def test_an_alarm_watches_each_call(api: Template) -> None:
    watched = set()
    for resource in api.all("AWS::CloudWatch::Alarm").values():
        alarm = resource["Properties"]
        dimensions = {entry["Name"]: entry["Value"] for entry in alarm["Dimensions"]}
        assert (alarm["MetricName"], alarm["Statistic"]) == ("5XXError", "Average")
        assert dimensions["ApiName"] == api.properties("AWS::ApiGateway::RestApi")["Name"]
        watched.add((dimensions["Method"], dimensions["Resource"]))
        assert alarm["AlarmActions"] == alarm["OKActions"]
        (topic,) = alarm["AlarmActions"]
        assert "events" in topic["Fn::ImportValue"].lower()
    assert watched == CALLS


def test_a_deployment_waits_for_all_that_it_copies(load_template: LoadTemplate) -> None:
    for stage in ("dev", "full"):
        template = load_template("ApiStack", stage)
        waits_for = set(template.find("AWS::ApiGateway::Deployment")["DependsOn"])
        for kind in ("Method", "Model", "GatewayResponse"):
            assert set(template.all(f"AWS::ApiGateway::{kind}")) <= waits_for

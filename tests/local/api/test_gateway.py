"""API Gateway by its own template, before a function that stands in for the API's."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from sparkdrop_local.api.authorizer import Authorizer
from sparkdrop_local.api.events import MalformedAnswerError, read_answer
from sparkdrop_local.api.functions import Context, Functions, merge_environments
from sparkdrop_local.api.gateway import MAX_BODY_BYTES, Gateway
from sparkdrop_local.api.messages import Answer, Request
from sparkdrop_local.api.references import References
from sparkdrop_local.api.rest_api import Function, Method, Mock, RestApi, read_rest_api
from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop_local.aws.templates import StackTemplate

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
CLIENT = "the-client"
ORIGIN = "http://127.0.0.1:8080"
INVOCATION = {"pipeline": "flights", "input": "s3://bucket/key.csv", "idempotency_key": "one"}
JSON = (("Content-Type", "application/json"),)


@pytest.fixture(scope="session")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "first"})


@pytest.fixture(scope="session")
def references(templates: list[StackTemplate]) -> References:
    """Every export has its own name for its value; the functions' stacks are not deployed."""
    names = [
        output["Export"]["Name"]
        for template in templates
        if not template.id.startswith(("Invoke", "Uploads", "Api"))
        for output in template.body.get("Outputs", {}).values()
        if "Export" in output
    ]
    return References(templates, {name: f"value of {name}" for name in names})


@pytest.fixture(scope="session")
def rest_api(templates: list[StackTemplate], references: References) -> RestApi:
    (template,) = [template for template in templates if template.id == "ApiStack"]
    return read_rest_api(template, references)


class StandIn:
    """A function that remembers its events and answers as it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.contexts: list[Context] = []
        self.answer: Any = {"statusCode": 202, "headers": {"X-One": "1"}, "body": '{"run_id": "r"}'}

    def __call__(self, event: dict[str, Any], context: Context) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def function() -> StandIn:
    return StandIn()


@pytest.fixture
def gateway(rest_api: RestApi, key: RSAKey, function: StandIn) -> Gateway:
    keys = KeySet.import_key_set({"keys": [key.as_dict(private=False)]})
    return Gateway(rest_api, Authorizer(keys, issuer=ISSUER, client_id=CLIENT), Functions(lambda _: function))


@pytest.fixture
def sign(key: RSAKey) -> Callable[..., str]:
    def sign_with(signer: RSAKey = key, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": "4f1c",
            "token_use": "id",
            "exp": now + 60,
            "iat": now,
            "auth_time": now,
            "email": "demo@sparkdrop.local",
            "email_verified": True,
            "cognito:groups": ["analysts", "operators"],
        }
        kept = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode({"kid": "first", "alg": "RS256"}, kept, signer)

    return sign_with


def invoke(gateway: Gateway, token: str | None, body: object = INVOCATION, **changes: Any) -> Answer:
    headers = (*JSON, ("Origin", ORIGIN), *((("Authorization", token),) if token is not None else ()))
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"method": "POST", "path": "/invoke", "headers": headers, "body": content}
    return gateway.answer(Request(**(fields | changes)))


def read_problem(answer: Answer) -> dict[str, Any]:
    headers = dict(answer.headers)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    document: dict[str, Any] = json.loads(answer.body)
    assert document["request_id"] == headers["x-amzn-RequestId"]
    return document | {"type": document["type"].removeprefix("urn:sparkdrop:problem:")}


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer "])
def test_a_user_of_the_pool_is_let_in_and_known_to_the_function(
    gateway: Gateway, function: StandIn, sign: Callable[..., str], scheme: str
) -> None:
    answer = invoke(gateway, scheme + sign())
    assert (answer.status, json.loads(answer.body)) == (202, {"run_id": "r"})
    assert ("X-One", "1") in answer.headers
    claims = function.events[0]["requestContext"]["authorizer"]["claims"]
    assert {type(value) for value in claims.values()} == {str}
    assert (claims["sub"], claims["cognito:groups"]) == ("4f1c", "analysts,operators")
    assert claims["email_verified"] == "true"
    assert claims["exp"].endswith(time.strftime(" UTC %Y", time.gmtime()))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_700_000_000},
        {"exp": None},
        {"aud": "another-client"},
        {"aud": None},
        {"iss": ISSUER + "2"},
        {"token_use": "access"},
        {"token_use": None},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_good_is_refused_before_all_else(
    gateway: Gateway, function: StandIn, sign: Callable[..., str], changes: dict[str, Any]
) -> None:
    answer = invoke(gateway, sign(**changes), b"{")
    assert answer.status == 401
    assert read_problem(answer)["type"] == "unauthorized"
    assert function.events == []


@pytest.mark.parametrize("token", [None, "", "Bearer ", "Bearer a.b.c", "Basic dXNlcjpwYXNz", "a.b"])
def test_what_is_no_token_is_refused(gateway: Gateway, token: str | None) -> None:
    assert invoke(gateway, token).status == 401


def test_a_token_that_somebody_else_signed_is_refused(gateway: Gateway, sign: Callable[..., str]) -> None:
    other = RSAKey.generate_key(2048, {"kid": "first"})
    assert invoke(gateway, sign(other)).status == 401
    head, body, _ = sign().split(".")
    assert invoke(gateway, f"{head}.{body}.").status == 401
    assert invoke(gateway, f"eyJhbGciOiJub25lIn0.{body}.").status == 401


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/invoke"), ("POST", "/"), ("GET", "/nothing"), ("PUT", "/x/y")]
)
def test_what_the_template_has_no_method_for_is_nobodys(gateway: Gateway, method: str, path: str) -> None:
    answer = invoke(gateway, None, method=method, path=path)
    assert answer.status == 403
    assert read_problem(answer)["type"] == "no-such-call"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"pipeline": "flights"}, ["'idempotency_key' is a required property", "'input' is a required"]),
        (INVOCATION | {"extra": 1}, ["'extra' was unexpected"]),
        (INVOCATION | {'a "quoted" name': 1}, ["'a \"quoted\" name' was unexpected"]),
        (INVOCATION | {"pipeline": "x" * 65}, ["pipeline: "]),
        (INVOCATION | {"arguments": ["a", ""]}, ["arguments/1: "]),
        ([], ["the body: [] is not of type 'object'"]),
        (b"{", ["no JSON"]),
        (b"", ["no JSON"]),
    ],
)
def test_a_body_that_the_model_does_not_take_is_refused_with_what_is_wrong(
    gateway: Gateway, function: StandIn, sign: Callable[..., str], body: object, named: list[str]
) -> None:
    answer = invoke(gateway, sign(), body)
    problem = read_problem(answer)
    assert (answer.status, problem["type"]) == (422, "invalid-request")
    for part in named:
        assert part in problem["errors"][0]["detail"]
    assert function.events == []


def test_a_body_of_another_type_is_checked_all_the_same(gateway: Gateway, sign: Callable[..., str]) -> None:
    headers = (("Content-Type", "text/plain"), ("Authorization", sign()))
    assert invoke(gateway, None, {}, headers=headers).status == 422


def test_a_body_that_is_too_large_is_refused(gateway: Gateway, sign: Callable[..., str]) -> None:
    answer = invoke(gateway, sign(), b" " * (MAX_BODY_BYTES + 1))
    assert (answer.status, read_problem(answer)["type"]) == (413, "too-large")


@pytest.mark.parametrize("query", [(), (("pipeline", "flights"), ("size", ""))])
def test_a_parameter_that_has_to_be_there_is_named(
    gateway: Gateway, sign: Callable[..., str], query: tuple[tuple[str, str], ...]
) -> None:
    answer = invoke(gateway, sign(), b"", method="GET", path="/upload-url", query=query)
    problem = read_problem(answer)
    assert (answer.status, problem["type"]) == (400, "missing-parameter")
    detail = problem["errors"][0]["detail"]
    assert "size" in detail
    assert "filename" in detail
    assert ("pipeline" in detail) is (query == ())


@pytest.mark.parametrize("origin", ["http://localhost:8080", "http://127.0.0.1:8080"])
def test_a_page_of_the_settings_may_call(gateway: Gateway, origin: str) -> None:
    answer = gateway.answer(Request("OPTIONS", "/invoke", headers=(("Origin", origin),)))
    headers = dict(answer.headers)
    assert (answer.status, answer.body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Access-Control-Allow-Methods"] == "POST"
    assert "Authorization" in headers["Access-Control-Allow-Headers"].split(",")


def test_another_page_may_not_call(gateway: Gateway) -> None:
    answer = gateway.answer(Request("OPTIONS", "/invoke", headers=(("Origin", "https://evil.example"),)))
    assert dict(answer.headers)["Access-Control-Allow-Origin"] != "https://evil.example"


def test_a_mapping_that_is_not_known_is_refused_before_the_first_call(rest_api: RestApi, key: RSAKey) -> None:
    mock = Method("GET", "/", Mock(200, {}, "#if($a)$util.urlEncode($b)#end"), authorized=False)
    api = RestApi("dev", {("/", "GET"): mock}, rest_api.refusals)
    authorizer = Authorizer(
        KeySet.import_key_set({"keys": [key.as_dict(private=False)]}), issuer=ISSUER, client_id=CLIENT
    )
    with pytest.raises(EmulationError, match="mapping template"):
        Gateway(api, authorizer, Functions(lambda _: None))


def test_a_function_gets_the_request_as_the_proxy_integration_writes_it(
    rest_api: RestApi, key: RSAKey, function: StandIn, sign: Callable[..., str]
) -> None:
    method = Method("GET", "/runs/{id}", Function("Runs", "m.f", timeout_seconds=7), authorized=True)
    api = RestApi(rest_api.stage, {("/runs/{id}", "GET"): method}, rest_api.refusals)
    keys = KeySet.import_key_set({"keys": [key.as_dict(private=False)]})
    gateway = Gateway(api, Authorizer(keys, issuer=ISSUER, client_id=CLIENT), Functions(lambda _: function))
    gateway.answer(
        Request(
            "GET",
            "/runs/a%20b",
            query=(("part", "1:ä"), ("part", "2:b"), ("empty", "")),
            headers=(("Authorization", sign()), ("Host", "here:1"), ("User-Agent", "tests")),
            source_ip="127.0.0.9",
        )
    )
    (event,), (context,) = function.events, function.contexts
    assert (event["httpMethod"], event["path"], event["resource"]) == ("GET", "/runs/a%20b", "/runs/{id}")
    assert event["pathParameters"] == {"id": "a%20b"}
    assert event["queryStringParameters"] == {"part": "2:b", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"part": ["1:ä", "2:b"], "empty": [""]}
    assert event["headers"]["Host"] == "here:1"
    assert event["multiValueHeaders"]["Host"] == ["here:1"]
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    request_context = event["requestContext"]
    assert (request_context["stage"], request_context["path"]) == ("dev", "/dev/runs/a%20b")
    assert request_context["identity"]["sourceIp"] == "127.0.0.9"
    assert request_context["requestId"] == context.aws_request_id
    assert 6_000 < context.get_remaining_time_in_millis() <= 7_000


@pytest.mark.parametrize(
    "answered", [RuntimeError("boom"), None, {"body": "no status"}, {"statusCode": 200, "body": {}}]
)
def test_a_function_that_fails_is_a_502_that_tells_nothing_of_it(
    gateway: Gateway, function: StandIn, sign: Callable[..., str], answered: Any
) -> None:
    function.answer = answered
    answer = invoke(gateway, sign())
    problem = read_problem(answer)
    assert (answer.status, problem["type"]) == (502, "failed")
    assert b"boom" not in answer.body


def test_an_answer_may_have_a_header_several_times_and_is_binary_only_where_the_api_says_so() -> None:
    answered = {
        "statusCode": 200,
        "headers": {"Set-Cookie": "lost=1", "Content-Type": "image/png", "Content-Length": "3"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": "AAEC",
        "isBase64Encoded": True,
    }
    answer = read_answer(answered, binary=True)
    assert answer.body == b"\x00\x01\x02"
    assert [value for name, value in answer.headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert "Content-Length" not in dict(answer.headers)
    assert read_answer(answered, binary=False).body == b"AAEC"
    assert dict(read_answer({"statusCode": 204}, binary=False).headers)["Content-Type"] == "application/json"
    with pytest.raises(MalformedAnswerError):
        read_answer(answered | {"body": "no base64"}, binary=True)


def test_the_functions_are_known_with_what_their_stack_gives_them(rest_api: RestApi) -> None:
    assert {"handler.handler.handle"} == {function.handler for function in rest_api.functions}
    environment = merge_environments(rest_api.functions)
    assert "UploadsBucket" in environment["SPARKDROP_UPLOADS_BUCKET"]
    assert "LedgerTable" in environment["SPARKDROP_LEDGER_TABLE"]
    assert rest_api.methods["/invoke", "POST"].authorized


def test_two_functions_that_do_not_agree_on_their_environment_cannot_be_one_process() -> None:
    functions = [Function("One", "m.f", {"A": "1"}), Function("Two", "m.f", {"A": "2"})]
    with pytest.raises(EmulationError, match="Two: A is another one"):
        merge_environments(functions)


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Role"},
        {"Fn::GetAtt": ["Role", "Arn"]},
        {"Fn::ImportValue": "nobody's"},
        {"Fn::Sub": "${Role}"},
    ],
)
def test_what_refers_to_something_that_is_not_there_is_an_error(references: References, value: Any) -> None:
    with pytest.raises(EmulationError, match="means nothing on this machine"):
        references.resolve({"deep": [value]})

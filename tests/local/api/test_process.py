"""The running API: the functions' own code, the page's configuration, what was prepared for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jws

from sparkdrop_local.aws.trail import read_trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.api.running import Api

DEADLINE_SECONDS = 30


def find_pool(api: Api) -> str:
    (pool,) = api.aws("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    pool_id: str = pool["Id"]
    return pool_id


def wait_for(find: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {DEADLINE_SECONDS} s: {what}")


def build_invocation(api: Api, key: str) -> dict[str, Any]:
    bucket = api.environment["SPARKDROP_UPLOADS_BUCKET"]
    return {"pipeline": "flights", "input": f"s3://{bucket}/flights/day.csv", "idempotency_key": key}


def test_an_invocation_goes_through_to_the_ledger_as_its_callers(api: Api) -> None:
    token = api.sign_in()["id_token"]
    answer = api.call("POST", "/invoke", token=f"Bearer {token}", json=build_invocation(api, "first"))
    assert answer.status_code == 202, answer.text
    run_id = answer.json()["run_id"]
    items = api.aws("dynamodb").scan(TableName=api.environment["SPARKDROP_LEDGER_TABLE"])["Items"]
    (recorded,) = [item for item in items if item["pk"]["S"] == f"invocation#{run_id}"]
    assert "cognito:" in json.dumps(recorded)
    again = api.call("POST", "/invoke", token=token, json=build_invocation(api, "first"))
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (answer.json(), "true")


def test_the_function_calls_aws_under_a_name_of_its_own(api: Api) -> None:
    token = api.sign_in()["id_token"]
    api.call("POST", "/invoke", token=token, json=build_invocation(api, "second")).raise_for_status()
    by_key: dict[str, set[str]] = {}
    for call in read_trail(api.home):
        by_key.setdefault(call["access_key_id"], set()).add(f"{call['service']}:{call['operation']}")
    # the catalog, the record and the wake-up; that the page's origin is let in is nobody's function's
    functions = by_key["sparkdrop-api"]
    assert {"s3:GetObject", "dynamodb:TransactWriteItems", "sqs:SendMessage"} <= functions
    assert "s3:PutBucketCors" in by_key["sparkdrop-local"] - functions


def test_nobody_calls_without_a_token(api: Api) -> None:
    refused = api.call("POST", "/invoke", json=build_invocation(api, "third"))
    assert refused.status_code == 401
    assert refused.json()["type"] == "urn:sparkdrop:problem:unauthorized"
    access = api.sign_in()["access_token"]
    assert api.call("POST", "/invoke", token=access, json={}).status_code == 401


def test_a_token_for_another_client_of_the_pool_is_refused(api: Api) -> None:
    cognito, pool_id = api.aws("cognito-idp"), find_pool(api)
    client = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName="another")["UserPoolClient"]
    tokens = cognito.admin_initiate_auth(
        UserPoolId=pool_id,
        ClientId=client["ClientId"],
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": api.user, "PASSWORD": api.password},
    )["AuthenticationResult"]
    cognito.delete_user_pool_client(UserPoolId=pool_id, ClientId=client["ClientId"])
    assert api.call("POST", "/invoke", token=tokens["IdToken"], json={}).status_code == 401


def test_a_second_user_of_a_group_signs_in_and_is_somebody_else(api: Api) -> None:
    cognito, pool_id = api.aws("cognito-idp"), find_pool(api)
    user, password = "second@sparkdrop.local", "another-Horse-battery-2"
    cognito.admin_create_user(UserPoolId=pool_id, Username=user, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=pool_id, Username=user, Password=password, Permanent=True)
    cognito.create_group(UserPoolId=pool_id, GroupName="analysts")
    cognito.admin_add_user_to_group(UserPoolId=pool_id, Username=user, GroupName="analysts")
    first, second = (read_claims(api.sign_in(*who)["id_token"]) for who in ((), (user, password)))
    assert (second["email"], second["cognito:groups"]) == (user, ["analysts"])
    assert first["sub"] != second["sub"]


def read_claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(jws.extract_compact(token.encode()).payload)
    return claims


def test_a_user_who_has_to_choose_a_password_is_told_how(api: Api) -> None:
    cognito = api.aws("cognito-idp")
    user, password = "invited@sparkdrop.local", "invited-Horse-battery-3"
    cognito.admin_create_user(
        UserPoolId=find_pool(api), Username=user, TemporaryPassword=password, MessageAction="SUPPRESS"
    )
    with api.browse() as browser:
        again = api.submit(browser, api.ask_for_code(api.make_proof()), user=user, password=password)
    assert again.status_code == 400
    assert "admin-set-user-password --permanent" in again.text


def test_the_configuration_names_the_origin_that_the_browser_sees(api: Api) -> None:
    told = api.configuration()
    assert told["api_url"] == f"{api.origin}/api"
    assert told["auth"]["authority"] == told["auth"]["sign_in_url"] == api.origin
    local = api.origin.replace("127.0.0.1", "localhost")
    with api.browse() as browser:
        seen = browser.get("/config.json", headers={"Host": local.removeprefix("http://")}).json()
        astray = browser.get("/config.json", headers={"Host": "evil.example"}).json()
    assert seen["api_url"] == f"{local}/api"
    assert astray["api_url"] == told["api_url"]


def test_the_page_is_served_with_its_policy(api: Api) -> None:
    with api.browse() as browser:
        page = browser.get("/")
        missing = browser.get("/assets/none.js")
        # a second request on the same connection: a body after HEAD would stand in its way
        assert browser.head("/").headers["Content-Length"] == page.headers["Content-Length"]
        assert browser.get("/config.json").status_code == 200
    assert page.status_code == 200
    endpoint = api.environment["AWS_ENDPOINT_URL"]
    assert f"connect-src 'self' {endpoint};" in page.headers["Content-Security-Policy"]
    assert missing.status_code == 404


def test_pages_of_this_origin_may_upload_and_sign_in_beside_those_of_the_settings(api: Api) -> None:
    bucket = api.environment["SPARKDROP_UPLOADS_BUCKET"]
    (rule,) = api.aws("s3").get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert {api.origin, api.origin.replace("127.0.0.1", "localhost"), "http://localhost:8080"} <= set(
        rule["AllowedOrigins"]
    )
    client = api.aws("cognito-idp").describe_user_pool_client(
        UserPoolId=find_pool(api), ClientId=api.client_id
    )["UserPoolClient"]
    for name in ("CallbackURLs", "LogoutURLs"):
        assert {api.redirect_uri, "http://localhost:8080/"} <= set(client[name])
    # an update that leaves a setting out sets it back, so all of them have to be there still
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_the_catalog_is_published_again_when_a_pipeline_file_changes(api: Api) -> None:
    def read_names() -> set[str]:
        s3, bucket = api.aws("s3"), api.environment["SPARKDROP_ARTIFACTS_BUCKET"]
        catalog = json.loads(s3.get_object(Bucket=bucket, Key="pipelines.json")["Body"].read())
        return {pipeline["name"] for pipeline in catalog["pipelines"]}

    assert "flights" in read_names()
    text = (api.configs / "weather.yaml").read_text()
    (api.configs / "rain.yaml").write_text(text.replace("weather/", "rain/"))
    (api.configs / "broken.yaml").write_text("arrival: [")
    wait_for(lambda: "rain" in read_names(), "the new pipeline is in the catalog")
    (api.configs / "rain.yaml").unlink()
    (api.configs / "broken.yaml").unlink()
    wait_for(lambda: "rain" not in read_names(), "the pipeline has left the catalog")


def test_the_process_ends_at_sigterm_and_starts_again_beside_what_is_there(api: Api) -> None:
    command = [sys.executable, "-m", "sparkdrop_local.api", "--aws", str(api.home / "aws.json")]
    port = api.origin.rsplit(":", 1)[-1]
    taken = subprocess.run(
        [*command, "--configs", str(api.configs), "--port", port], capture_output=True, text=True, check=False
    )
    assert (taken.returncode, taken.stderr) == (
        1,
        f"port {port} of 127.0.0.1 is taken: give another --port\n",
    )
    log = api.home / "second.log"
    with log.open("wb") as out:
        second = subprocess.Popen([*command, "--configs", str(api.configs)], stdout=out, stderr=out)
    wait_for(lambda: "ready on" in log.read_text() or second.poll() is not None, "the second one is ready")
    second.send_signal(signal.SIGTERM)
    assert second.wait(timeout=DEADLINE_SECONDS) == 0, log.read_text()

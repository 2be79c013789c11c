"""The stacks' roles allow each call that Airflow, Spark's steps and the API made in the tests so far.

The local system keeps a trail of its calls. Each is told as what IAM would be asked for, and a policy
simulator decides by the policies of the templates that the system was deployed from.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sparkdrop_local.aws.names import AIRFLOW_KEY_ID, API_KEY_ID, JOB_KEY_ID
from sparkdrop_local.aws.templates import load_templates
from tests.e2e.iam_requests import Account, UnmappedCallError, build_requests, read_leading_keys
from tests.e2e.system import System, wait_for
from tests.infra.iam.simulator import Caller, Request, decide
from tests.infra.iam.templates import ACCOUNT, Stage, read_role_policies

if TYPE_CHECKING:
    from tests.e2e.api import ApiUser

pytestmark = pytest.mark.e2e

# The stage whose templates the system takes names no partner's bucket; one that reads such a bucket gives its
# roles what they may do with the uploads bucket (tests/infra/test_airflow_access.py).
PARTNERS_BUCKET = "partner-exports"
# A run calls at least these; a trail without them proves nothing.
FULL_RUN = {
    "dynamodb:BatchWriteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "elasticmapreduce:AddJobFlowSteps",
    "elasticmapreduce:AddTags",
    "elasticmapreduce:DescribeCluster",
    "elasticmapreduce:DescribeStep",
    "elasticmapreduce:ListClusters",
    "elasticmapreduce:PutAutoTerminationPolicy",
    "elasticmapreduce:RunJobFlow",
    "elasticmapreduce:TerminateJobFlows",
    "iam:PassRole",
    "s3:GetObject",
    "s3:PutObject",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
}
SPARK_RUN = {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
API_RUN = {
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "s3:GetObject",
    "sqs:SendMessage",
    "sts:AssumeRole",
}
LINK_RUN = {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"}
# of a role's session, as STS names its keys; no other process of the system takes a role
SESSION_KEY_PREFIX = "ASIA"


@pytest.fixture(scope="module")
def stage(system: System) -> Stage:
    """The templates that the system was deployed from, with the names that its resources got."""
    names = {
        "UploadsBucket": system["UPLOADS_BUCKET"],
        "CuratedBucket": system["CURATED_BUCKET"],
        "ArtifactsBucket": system["ARTIFACTS_BUCKET"],
        "LogsBucket": system["LOGS_BUCKET"],
        "ArrivalsQueueUrl": system["ARRIVALS_QUEUE_URL"].rpartition("/")[2],
        "LedgerTable": system["LEDGER_TABLE"],
    }
    templates = {template.id: template.body for template in load_templates()}
    return Stage(templates, system.environment["AWS_REGION"], names)


@pytest.fixture(scope="module")
def account(system: System, stage: Stage) -> Account:
    emr = system.client("emr")

    def read_tags(job_flow_id: str) -> dict[str, str]:
        tags = emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Tags"]
        return {tag["Key"]: tag["Value"] for tag in tags}

    (service_stack, service_id), (instance_stack, instance_id) = (
        find_service_role(stage),
        find_node_role(stage),
    )
    roles = {
        system["EMR_SERVICE_ROLE"]: stage.resolve(service_stack, {"Fn::GetAtt": [service_id, "Arn"]}),
        system["EMR_INSTANCE_PROFILE"]: stage.resolve(instance_stack, {"Fn::GetAtt": [instance_id, "Arn"]}),
        read_deployed_output(system, "UploadRoleArn"): stage.read_output("UploadRoleArn"),
    }
    return Account(ACCOUNT, stage.region, roles, read_tags)


def read_deployed_output(system: System, name: str) -> str:
    stacks = system.client("cloudformation").describe_stacks()["Stacks"]
    (value,) = {
        output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", ())
        if output["OutputKey"] == name
    }
    assert isinstance(value, str)
    return value


def find_airflow_role(stage: Stage) -> tuple[str, str]:
    stack, value = stage.find_output("AirflowRoleArn")
    return stack, value["Fn::GetAtt"][0]


def find_service_role(stage: Stage) -> tuple[str, str]:
    stack, value = stage.find_output("EmrServiceRole")
    return stack, value["Ref"]


def find_node_role(stage: Stage) -> tuple[str, str]:
    stack, value = stage.find_output("EmrInstanceProfile")
    (role,) = stage.templates[stack]["Resources"][value["Ref"]]["Properties"]["Roles"]
    return stack, role["Ref"]


def find_upload_role(stage: Stage) -> tuple[str, str]:
    stack, value = stage.find_output("UploadRoleArn")
    return stack, value["Fn::GetAtt"][0]


def find_function_role(stage: Stage, output: str) -> tuple[str, str]:
    stack, value = stage.find_output(output)
    role = stage.templates[stack]["Resources"][value["Ref"]]["Properties"]["Role"]
    return stack, role["Fn::GetAtt"][0]


def build_caller(stage: Stage, role: tuple[str, str]) -> Caller:
    arn = stage.resolve(role[0], {"Fn::GetAtt": [role[1], "Arn"]})
    return Caller(arn, ACCOUNT, read_role_policies(stage, *role))


@pytest.fixture(scope="module")
def calls(system: System, demo: ApiUser) -> list[dict[str, Any]]:
    """All calls so far, at least those of one whole run: also where this module is the only one."""
    upload_id = demo.upload("people", "least.csv", b"name,age,city\nAda,36,London\nX,old,Y\n")
    use_other_calls(demo)
    upload = demo.wait_for_end(f"/uploads/{upload_id}")
    assert upload["state"] == "SUCCEEDED", upload

    def read() -> list[dict[str, Any]] | None:
        # the cluster's end comes after the upload's, and so does the look for forgotten ones
        trail = system.read_trail()
        airflow = [call for call in trail if call["access_key_id"] == AIRFLOW_KEY_ID]
        ended = any(
            upload["job_flow_id"] in call["parameters"].get("JobFlowIds", [])
            for call in airflow
            if call["operation"] == "TerminateJobFlows"
        )
        return trail if ended and any(call["operation"] == "ListClusters" for call in airflow) else None

    return wait_for("end of the cluster, and a look for others", read)


def use_other_calls(demo: ApiUser) -> None:
    """Begin an upload in parts and let go of it, list uploads, and invoke a pipeline over nothing."""
    begun = demo.call("POST", "/uploads", json={"pipeline": "people", "filename": "parts.csv", "size": 9})
    parts = f"/uploads/{begun.json()['upload_id']}"
    demo.read(f"{parts}/parts", part=f"1:{'0' * 64}")
    assert demo.call("DELETE", parts).status_code == 204
    demo.read("/uploads")
    nothing = f"s3://{demo.system['UPLOADS_BUCKET']}/asked/nothing/"
    asked = {"pipeline": "asked", "input": nothing, "idempotency_key": "least"}
    assert demo.call("POST", "/invoke", json=asked).status_code == 202


def ask(
    system: System, account: Account, calls: list[dict[str, Any]], access_key_id: str
) -> dict[tuple[object, ...], Request]:
    """Tell one caller's calls as IAM's requests, each of them once.

    Args:
        system: The system that was called.
        account: What the calls' names stand for.
        calls: All calls.
        access_key_id: What the caller's access key's id begins with.
    """
    requests: dict[tuple[object, ...], Request] = {}
    for call in calls:
        if not (call["access_key_id"] or "").startswith(access_key_id):
            continue
        parameters = dict(call["parameters"])
        if parameters.get("Bucket") == PARTNERS_BUCKET:
            parameters["Bucket"] = system["UPLOADS_BUCKET"]
        for asked in build_requests(account, call["service"], call["operation"], parameters):
            request = asked
            if access_key_id == API_KEY_ID and call["service"] == "dynamodb":
                # only the functions' roles tell items apart; one by one, Airflow's calls would be too many
                keys = read_leading_keys(call["operation"], parameters)
                request = replace(asked, context={**asked.context, "dynamodb:LeadingKeys": keys})
            key = (request.action, request.resource, *sorted(request.context.items()))
            requests[key] = request
    return requests


@pytest.fixture(scope="module")
def airflow_requests(system: System, account: Account, calls: list[dict[str, Any]]) -> list[Request]:
    return list(ask(system, account, calls, AIRFLOW_KEY_ID).values())


@pytest.fixture(scope="module")
def spark_requests(system: System, account: Account, calls: list[dict[str, Any]]) -> list[Request]:
    return list(ask(system, account, calls, JOB_KEY_ID).values())


def find_denied(caller: Caller, requests: list[Request]) -> list[Request]:
    return [
        request
        for request, is_allowed in zip(requests, decide(caller, requests), strict=True)
        if not is_allowed
    ]


def test_airflows_role_allows_each_call_that_airflow_made(
    stage: Stage, airflow_requests: list[Request]
) -> None:
    assert FULL_RUN - {request.action for request in airflow_requests} == set()
    assert find_denied(build_caller(stage, find_airflow_role(stage)), airflow_requests) == []


def test_the_nodes_role_allows_each_call_that_steps_made(stage: Stage, spark_requests: list[Request]) -> None:
    assert SPARK_RUN - {request.action for request in spark_requests} == set()
    assert find_denied(build_caller(stage, find_node_role(stage)), spark_requests) == []


def test_the_functions_roles_allow_each_call_that_the_api_made(
    system: System, stage: Stage, account: Account, calls: list[dict[str, Any]]
) -> None:
    """One process is both functions here: a call is one function's or the other's."""
    requests = list(ask(system, account, calls, API_KEY_ID).values())
    assert API_RUN - {request.action for request in requests} == set()
    left = requests
    for function in ("InvokeFunctionName", "UploadsFunctionName"):
        left = find_denied(build_caller(stage, find_function_role(stage, function)), left)
    assert left == []


def test_the_upload_role_allows_each_call_that_links_were_used_for(
    system: System, stage: Stage, account: Account, calls: list[dict[str, Any]]
) -> None:
    requests = list(ask(system, account, calls, SESSION_KEY_PREFIX).values())
    assert LINK_RUN - {request.action for request in requests} == set()
    assert find_denied(build_caller(stage, find_upload_role(stage)), requests) == []


def test_a_role_without_one_of_the_actions_would_not_do(
    stage: Stage, airflow_requests: list[Request]
) -> None:
    """Of every action that a run asks for: take it out of the policy, and the run is refused."""
    caller = build_caller(stage, find_airflow_role(stage))
    enough = []
    for action in sorted(FULL_RUN):
        lesser = Caller(caller.arn, caller.account, [_take_out(policy, action) for policy in caller.policies])
        denied = {request.action for request in find_denied(lesser, airflow_requests)}
        if denied != {action}:
            enough.append((action, denied))
    assert enough == []


def _take_out(policy: Any, action: str) -> dict[str, Any]:
    left: dict[str, Any] = copy.deepcopy(policy)
    for statement in left["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [one for one in actions if one != action] or ["s3:GetBucketWebsite"]
    return left


def test_a_call_that_nobody_has_mapped_is_named(account: Account) -> None:
    for service, operation in (("s3", "PutBucketPolicy"), ("sqs", "PurgeQueue"), ("sts", "GetSessionToken")):
        with pytest.raises(UnmappedCallError, match=f"{service}:{operation}"):
            build_requests(account, service, operation, {"Bucket": "b"})

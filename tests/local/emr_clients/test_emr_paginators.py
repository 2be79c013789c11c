"""Every paginator that boto3 has for EMR and EMR Serverless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from tests.local.emr_clients.calls import command, run_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

FLEET = {
    "InstanceFleetType": "MASTER",
    "TargetOnDemandCapacity": 1,
    "InstanceTypeConfigs": [{"InstanceType": "m7g.xlarge"}],
}


def find_paginators(service: str) -> list[str]:
    client = boto3.client(service, region_name="us-east-1")
    names = [xform_name(name) for name in client.meta.service_model.operation_names]
    return [name for name in names if client.can_paginate(name)]


@pytest.fixture
def security_configuration(emr: Any) -> Iterator[str]:
    name = "boto3"
    emr.create_security_configuration(Name=name, SecurityConfiguration="{}")
    yield name
    emr.delete_security_configuration(Name=name)


# what the local EMR has none of, and says so
REFUSED = {
    "list_notebook_executions": "notebooks",
    "list_studio_session_mappings": "studios",
    "list_studios": "studios",
}


@pytest.mark.usefixtures("security_configuration")
@pytest.mark.parametrize("name", [name for name in find_paginators("emr") if name not in REFUSED])
def test_every_paginator_of_emr(emr, waiting, name):
    cluster, _ = waiting
    members = emr.meta.service_model.operation_model(emr.meta.method_to_api_mapping[name]).input_shape.members
    parameters = {"ClusterId": cluster} if "ClusterId" in members else {}
    if name == "list_instance_fleets":
        parameters = {"ClusterId": run_cluster(emr, instances={"InstanceFleets": [FLEET]}, keep_alive=False)}

    found = emr.get_paginator(name).paginate(**parameters).build_full_result()

    (items,) = (value for value in found.values() if isinstance(value, list))
    # the cluster has neither of these
    assert bool(items) == (name not in {"list_bootstrap_actions", "list_sessions"})


@pytest.mark.parametrize(("name", "what"), REFUSED.items())
def test_a_paginator_of_what_is_not_here_is_told(emr, name, what):
    with pytest.raises(ClientError, match=f"has no {what}") as caught:
        emr.get_paginator(name).paginate().build_full_result()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_listing_of_many_pages_is_whole(emr):
    cluster = run_cluster(emr, *(command("true") for _ in range(60)))
    steps = emr.get_paginator("list_steps")

    pages = [page["Steps"] for page in steps.paginate(ClusterId=cluster)]

    assert [len(page) for page in pages] == [50, 10]
    assert len({step["Id"] for page in pages for step in page}) == 60
    # going on from a token that an earlier client was left with
    first = steps.paginate(ClusterId=cluster, PaginationConfig={"MaxItems": 7}).build_full_result()
    token = {"StartingToken": first["NextToken"]}
    rest = steps.paginate(ClusterId=cluster, PaginationConfig=token).build_full_result()
    assert [len(first["Steps"]), len(rest["Steps"])] == [7, 53]


@pytest.mark.parametrize("name", find_paginators("emr-serverless"))
def test_every_paginator_of_emr_serverless(serverless, application, failed_run, name):
    parameters: dict[str, Any] = {} if name == "list_applications" else {"applicationId": application}
    if name == "list_job_run_attempts":
        parameters["jobRunId"] = failed_run

    found = serverless.get_paginator(name).paginate(**parameters).build_full_result()

    (items,) = (value for value in found.values() if isinstance(value, list))
    assert bool(items) == (name != "list_sessions")


def test_a_paginator_does_not_ask_for_less_than_the_least_page(serverless, application):
    with pytest.raises(ClientError, match="ValidationException"):
        serverless.list_job_runs(applicationId=application, maxResults=51)

"""The API's document: what it lists, and that it says what is true. Each answer of the other tests is
checked against it in conftest.py."""

import json

from jsonschema import Draft202012Validator

from infra.constructs.api_problems import REFUSALS
from infra.stacks.invoke.handler.problems import KINDS

from .conftest import get_document

CALLS = {
    "GET /upload-url",
    "POST /uploads",
    "GET /uploads",
    "GET /uploads/{id}",
    "GET /uploads/{id}/parts",
    "POST /uploads/{id}/complete",
    "DELETE /uploads/{id}",
    "POST /invoke",
    "GET /runs/{id}",
    "GET /pipelines",
    "GET /health",
    "GET /openapi.json",
}


def list_operations():
    return {
        f"{method.upper()} {path}": operation
        for path, operations in get_document()["paths"].items()
        for method, operation in operations.items()
    }


def test_it_lists_exactly_the_calls():
    assert set(list_operations()) == CALLS
    assert get_document()["openapi"].startswith("3.1")


def test_it_is_served(api):
    answer = api.get("/openapi.json")
    assert answer.status == 200
    assert set(answer.body["paths"]) == set(get_document()["paths"])
    assert answer.body["info"]["version"] == "1.0.0"


def test_every_call_asks_who_calls():
    document = get_document()
    assert document["security"] == [{"cognito": []}, {"sigv4": []}]
    assert set(document["components"]["securitySchemes"]) == {"cognito", "sigv4"}
    assert not [operation for operation in list_operations().values() if "security" in operation]


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    text = json.dumps(get_document())
    schemas = get_document()["components"]["schemas"]
    used = {name for name in schemas if f'"#/components/schemas/{name}"' in text}
    assert used == set(schemas)
    assert text.count("#/components/schemas/") == sum(
        text.count(f'"#/components/schemas/{name}"') for name in schemas
    )
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_examples_are_what_they_are_examples_of():
    document = get_document()
    shown = 0
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            shown += 1
            Draft202012Validator(schema | {"components": document["components"]}).validate(example)
    for operation in list_operations().values():
        for parameter in operation.get("parameters", []):
            for example in parameter["schema"].get("examples", []):
                shown += 1
                Draft202012Validator(parameter["schema"]).validate(example)
    assert shown >= 15


def test_every_operation_has_a_name_a_summary_and_a_way_to_fail():
    operations = list_operations().values()
    assert len({operation["operationId"] for operation in operations}) == len(CALLS)
    for operation in operations:
        assert operation["summary"]
        assert {"401", "403", "429", "500", "504"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]


def test_every_kind_of_problem_is_told_of():
    told = {
        (int(status), kind.strip())
        for operation in list_operations().values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for kind in response["description"].partition(":")[2].split(",")
    }
    by_gateway = {(refusal.status, refusal.kind) for refusal in REFUSALS}
    # no call of the document answers that there is no such call
    ours = {(status, kind) for kind, (status, _) in KINDS.items()} - {(404, "no-such-route")}
    assert ours <= told <= ours | by_gateway


def test_bodies_are_described_and_parameters_take_no_null():
    bodies = {
        name: operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for name, operation in list_operations().items()
        if "requestBody" in operation
    }
    assert bodies == {
        "POST /invoke": "Invocation",
        "POST /uploads": "NewUpload",
        "POST /uploads/{id}/complete": "Nothing",
    }
    parameters = [one for operation in list_operations().values() for one in operation.get("parameters", [])]
    assert parameters
    assert "null" not in json.dumps(parameters)

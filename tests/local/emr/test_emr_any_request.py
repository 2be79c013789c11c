"""Whatever is asked of EMR, it answers by its model: a result, or an error that it documents."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from sparkdrop_local.emr.ec2.operations import OPERATIONS
from sparkdrop_local.emr.wire import emr_model
from tests.local.emr.calls import GROUPS, NEEDED
from tests.local.emr.responses import PROBLEMS, check_responses

NAMES = ("ClusterId", "ResourceId", "JobFlowId", "JobFlowIds")


@pytest.fixture(scope="module")
def cluster(stepped):
    return stepped.run()


@pytest.fixture(scope="module")
def call(stepped):
    """Call an operation in this process: there are many."""
    client = Client(check_responses(stepped.app))

    def post(operation, body):
        headers = {"X-Amz-Target": f"ElasticMapReduce.{operation}"}
        response = client.post("/", data=json.dumps(body), headers=headers)
        return response.status_code, response.get_data(as_text=True)

    return post


def values_of(shape, depth=0):
    """Generate values of a shape, most of them right."""
    if depth > 4:
        return st.none()
    if shape.type_name == "structure":
        members = {name: values_of(member, depth + 1) for name, member in shape.members.items()}
        required = {name: members.pop(name) for name in shape.required_members}
        right = st.fixed_dictionaries(required, optional=members)
    elif shape.type_name == "list":
        right = st.lists(values_of(shape.member, depth + 1), max_size=2)
    elif shape.type_name == "map":
        right = st.dictionaries(st.text(max_size=3), values_of(shape.value, depth + 1), max_size=2)
    elif shape.type_name == "boolean":
        right = st.booleans()
    elif shape.type_name == "string":
        right = st.sampled_from(shape.enum) if shape.enum else st.text(max_size=5)
    else:
        low, high = shape.metadata.get("min", -5), shape.metadata.get("max", 300)
        right = st.integers(low, high) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    if not depth:
        return right
    wrong = st.sampled_from([None, "", -1, 0.5, True, [], {}])
    return st.integers(0, 30).flatmap(lambda number: wrong if number == 0 else right)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(data=st.data())
def test_no_request_brings_emr_down(call, cluster, operation, data):
    shape = emr_model().operation_model(operation).input_shape
    body = data.draw(values_of(shape)) if shape.members else {}
    # names of what is there lead further than names of what is not
    for name in set(NAMES) & body.keys():
        if data.draw(st.booleans()):
            body[name] = [cluster] if name == "JobFlowIds" else cluster
    if operation == "RunJobFlow":
        body |= NEEDED
        if data.draw(st.booleans()):
            body["Instances"] = GROUPS
    status, answer = call(operation, body)
    assert status in (200, 400), answer
    assert not PROBLEMS

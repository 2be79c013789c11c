"""What EMR asks of every cluster beside its name, and requests that botocore would not send."""

import http.client
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

NEEDED = {
    "ReleaseLabel": "emr-spark-8.0.0",
    "JobFlowRole": "EMR_EC2_DefaultRole",
    "ServiceRole": "EMR_DefaultRole",
}
GROUPS = {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}]}


def post(endpoint_url: str, operation: str, body: Any) -> tuple[int, dict[str, Any]]:
    """Call an operation of EMR with whatever body: bytes, or what JSON can hold; give status and answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection = http.client.HTTPConnection(endpoint_url.removeprefix("http://"))
    try:
        connection.request("POST", "/", content, {"X-Amz-Target": f"ElasticMapReduce.{operation}"})
        response = connection.getresponse()
        answer = response.read()
        return response.status, json.loads(answer) if answer else {}
    finally:
        connection.close()


def error_of(call: Any, **parameters: Any) -> tuple[str, str]:
    """Make a call that EMR refuses; give the error's code and message."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]

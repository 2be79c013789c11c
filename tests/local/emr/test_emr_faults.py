"""Faults on order, as boto3 sees them with its own retries."""

import http.client
import threading
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.retries.standard import ExponentialBackoff
from werkzeug.serving import make_server

from sparkdrop_local.aws.server import start_server
from sparkdrop_local.emr import NO_DELAYS, EmrApp, EmrSettings
from sparkdrop_local.emr.faults import Fault, FaultKind, Faults
from tests.local.emr.calls import NEEDED

UNKNOWN = {"ClusterId": "j-UNKNOWN000000"}


def make_client(endpoint_url, **config):
    return boto3.client(
        "emr",
        endpoint_url=endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(**config),
    )


@pytest.fixture(autouse=True)
def nothing_stays(stepped):
    yield
    stepped.app.context.faults.clear()


@pytest.fixture
def order(stepped):
    return lambda kind, **members: stepped.app.context.faults.add(Fault(kind=FaultKind(kind), **members))


@pytest.fixture(scope="module")
def retrying(stepped):
    """A client as people configure it, which does not wait between its three attempts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
        client = make_client(stepped.endpoint_url, retries={"mode": "standard", "total_max_attempts": 3})
        yield client
        client.close()


def failure(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def attempts(response):
    return response["ResponseMetadata"]["RetryAttempts"] + 1


def test_a_throttle_is_emrs_error_for_its_operation_only(stepped, order):
    fault = order("throttle", match="ListClusters")
    stepped.client.list_release_labels()
    assert failure(stepped.client.list_clusters) == (400, "ThrottlingException", "Rate exceeded")
    stepped.client.list_clusters()
    assert (fault.struck, fault.times) == (1, 0)


def test_boto3_retries_a_throttle_and_survives_two(retrying, order):
    order("throttle", match="RunJobFlow", times=2)
    request = {
        "Name": "throttled",
        "Instances": {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1},
        **NEEDED,
    }
    assert attempts(retrying.run_job_flow(**request)) == 3
    names = [one["Name"] for one in retrying.list_clusters()["Clusters"]]
    assert names.count("throttled") == 1


def test_a_third_throttle_is_too_many_for_boto3(retrying, order):
    order("throttle", match="ListClusters", times=3)
    assert failure(retrying.list_clusters) == (400, "ThrottlingException", "Rate exceeded")


def test_a_rate_lets_so_many_calls_of_each_operation_through(stepped, order):
    order("throttle", times=None, rate=0.5, burst=2)

    def outcomes(call, count):
        answers = []
        for _ in range(count):
            try:
                call()
                answers.append("ok")
            except ClientError as error:
                answers.append(error.response["Error"]["Code"])
        return answers

    assert outcomes(stepped.client.list_clusters, 3) == ["ok", "ok", "ThrottlingException"]
    # every operation has a bucket of its own
    assert outcomes(lambda: stepped.client.describe_cluster(**UNKNOWN), 3) == [
        "InvalidRequestException", "InvalidRequestException", "ThrottlingException",
    ]  # fmt: skip
    stepped.step_clock(1)
    assert outcomes(stepped.client.list_clusters, 1) == ["ThrottlingException"]
    stepped.step_clock(1)
    assert outcomes(stepped.client.list_clusters, 2) == ["ok", "ThrottlingException"]
    stepped.step_clock(600)  # and none holds more than its burst
    assert outcomes(stepped.client.list_clusters, 3) == ["ok", "ok", "ThrottlingException"]


@contextmanager
def serve(server, app):
    """A client of an app behind one of the servers that it is used with."""
    if server == "waitress":
        running = start_server(app)
        endpoint_url, stop = running.endpoint_url, running.stop
    else:
        werkzeug = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=werkzeug.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        endpoint_url = f"http://127.0.0.1:{werkzeug.server_port}"

        def stop():
            werkzeug.shutdown()
            thread.join()
            werkzeug.server_close()

    client = make_client(endpoint_url, retries={"mode": "standard", "total_max_attempts": 3})
    yield client
    client.close()
    stop()


@pytest.mark.parametrize("server", ["werkzeug", "waitress"])
def test_a_lost_response_takes_effect_and_a_retry_makes_two(server, tmp_path, monkeypatch):
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    settings = EmrSettings(scratch_dir=tmp_path, delays=NO_DELAYS, clock_rate=0)
    with EmrApp(lambda *_: [], settings) as app, serve(server, app) as client:
        app.context.faults.add(Fault(kind=FaultKind.LOST_RESPONSE, match="RunJobFlow"))
        request = {
            "Name": "lost",
            "Instances": {"MasterInstanceType": "m5.xlarge", "InstanceCount": 1},
            **NEEDED,
        }
        answer = client.run_job_flow(**request)
        assert attempts(answer) == 2
        clusters = client.list_clusters()["Clusters"]
    assert [one["Name"] for one in clusters] == ["lost", "lost"]
    assert clusters[0]["Id"] == answer["JobFlowId"]


@pytest.mark.parametrize("server", ["werkzeug", "waitress"])
def test_a_cut_connection_has_no_answer_at_all(server, tmp_path):
    with EmrApp(lambda *_: [], EmrSettings(scratch_dir=tmp_path, clock_rate=0)) as app:
        app.context.faults.add(Fault(kind=FaultKind.OUTAGE, times=1, seconds=1))
        with serve(server, app) as client:
            connection = http.client.HTTPConnection(client.meta.endpoint_url.removeprefix("http://"))
            headers = {"X-Amz-Target": "ElasticMapReduce.ListClusters"}
            connection.request("POST", "/", body=b"{}", headers=headers)
            with pytest.raises(http.client.RemoteDisconnected):
                connection.getresponse()
            connection.request("POST", "/", body=b"{}", headers=headers)
            assert connection.getresponse().read() == b'{"Clusters": []}'
            connection.close()


def test_boto3_calls_a_cut_connection_closed(stepped, order):
    order("lost_response", match="ListClusters")
    with pytest.raises(
        ConnectionClosedError, match="Connection was closed before we received a valid response"
    ):
        stepped.client.list_clusters()


def test_a_response_can_be_lost_as_an_error_instead(stepped, order):
    order("lost_response", match="ListClusters", cut=False)
    assert failure(stepped.client.list_clusters)[:2] == (500, "InternalFailure")


def test_an_error_is_no_response_to_lose(stepped, order):
    fault = order("lost_response")
    assert failure(stepped.client.describe_cluster, **UNKNOWN)[1] == "InvalidRequestException"
    assert fault.struck == 0


def test_an_outage_lasts_its_seconds_of_emrs_clock_and_leaves_s3_alone(stepped, retrying, order):
    order("outage", times=None, seconds=30, cut=False)
    unavailable = (
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    )
    assert failure(stepped.client.list_clusters) == unavailable
    stepped.s3.list_buckets()
    stepped.step_clock(29)
    assert failure(retrying.list_clusters) == unavailable
    stepped.step_clock(1)
    stepped.client.list_clusters()


def test_boto3_survives_an_outage_that_is_over_at_its_third_attempt(retrying, order):
    order("outage", times=2, seconds=30)
    assert attempts(retrying.list_clusters()) == 3


def test_a_service_can_be_meant_by_the_name_that_its_requests_are_signed_for(stepped, order):
    order("throttle", match="emr-serverless", times=None)
    stepped.client.list_clusters()
    order("throttle", match="elasticmapreduce", times=None)
    assert failure(stepped.client.list_clusters)[1] == "ThrottlingException"


def test_a_seed_makes_chance_repeatable():
    def run(seed):
        faults = Faults()
        faults.add(Fault(kind=FaultKind.THROTTLE, times=None, probability=0.5, seed=seed))
        return [faults.take(FaultKind.THROTTLE, "ListSteps") is not None for _ in range(64)]

    assert run(1) == run(1) != run(2)
    assert 10 < sum(run(1)) < 54


def test_orders_of_a_kind_are_taken_one_after_the_other_and_by_name():
    faults = Faults()
    first = faults.add(Fault(kind=FaultKind.HANG, match="s-1"))
    second = faults.add(Fault(kind=FaultKind.HANG))
    assert faults.take(FaultKind.SLOW_LOGS, "s-1") is None
    assert [faults.take(FaultKind.HANG, "s-1", "step") for _ in range(3)] == [first, second, None]
    assert [fault.id for fault in faults] == ["fault-1", "fault-2"]
    assert first.is_over(0)


def test_a_cluster_can_be_ordered_to_die_while_it_starts(stepped, order):
    order("start_failure", match="doomed")
    well, doomed = stepped.run(), stepped.run(Name="doomed")
    assert stepped.cluster(doomed)["Status"]["State"] == "TERMINATED_WITH_ERRORS"
    assert stepped.cluster(well)["Status"]["State"] == "WAITING"

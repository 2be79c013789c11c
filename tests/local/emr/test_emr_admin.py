"""The admin route: faults, clock and state over HTTP, for this machine only."""

import http.client
import json

import pytest
from botocore.exceptions import ClientError

from tests.local.emr.calls import NEEDED


@pytest.fixture
def call(stepped):
    """Call the route: status, headers, and what the body's JSON holds."""

    def send(method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", stepped.server.server_port, timeout=30)
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(
            method, f"/_emr/{path}", text, {name.title(): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        found = response.status, response.headers, json.loads(response.read() or "null")
        connection.close()
        return found

    yield send
    stepped.app.context.faults.clear()
    stepped.app.context.clock.set_rate(0)


def test_the_root_lists_every_route_by_example(call):
    status, headers, routes = call("GET", "")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    for line, example in routes.items():
        method, path = line.split(" ")
        if method != "POST":
            continue
        for body in example if isinstance(example, list) else [example]:
            assert call("POST", path.removeprefix("/_emr/"), body)[0] in (200, 201)
    for line in routes:
        method, path = line.split(" ")
        if method == "GET":
            assert call("GET", path.removeprefix("/_emr/"))[0] in (200, 404)
    assert {line.split("/")[2] for line in routes} == {"faults", "clock", "state"}


def test_a_fault_is_ordered_strikes_and_is_cancelled(stepped, call):
    status, _, made = call("POST", "faults", {"kind": "throttle", "match": "ListClusters", "times": 2})
    assert status == 201
    assert (made["kind"], made["times"], made["struck"], made["over"]) == ("throttle", 2, 0, False)
    with pytest.raises(ClientError, match="Rate exceeded"):
        stepped.client.list_clusters()
    assert call("GET", f"faults/{made['id']}")[2]["struck"] == 1
    assert [one["id"] for one in call("GET", "faults")[2]["faults"]] == [made["id"]]
    assert call("DELETE", f"faults/{made['id']}")[0] == 204
    stepped.client.list_clusters()
    assert call("GET", f"faults/{made['id']}")[0] == 404


def test_all_faults_are_cancelled_at_once(stepped, call):
    for kind in ("throttle", "hang"):
        call("POST", "faults", {"kind": kind})
    assert call("DELETE", "faults")[0] == 204
    assert call("GET", "faults")[2] == {"faults": []}
    stepped.client.list_clusters()


@pytest.mark.parametrize(
    ("order", "times"),
    [
        ({"kind": "hang"}, 1),
        ({"kind": "throttle", "rate": 2, "burst": 4}, None),
        ({"kind": "throttle", "probability": 0.1, "seed": 7}, None),
        ({"kind": "throttle", "probability": 0.1, "times": 3}, 3),
        ({"kind": "outage", "seconds": 30}, None),
        ({"kind": "slow_logs", "seconds": 60}, None),
        ({"kind": "hang", "times": None}, None),
    ],
)
def test_an_order_that_does_not_say_how_often_is_for_once_or_until_it_is_over(call, order, times):
    status, _, made = call("POST", "faults", order)
    assert (status, made["times"]) == (201, times)
    assert {name: made[name] for name in order} == order


def test_an_outage_is_over_when_the_clock_says_so(stepped, call):
    made = call("POST", "faults", {"kind": "outage", "seconds": 30, "cut": False})[2]
    with pytest.raises(ClientError, match="temporary failure"):
        stepped.client.list_clusters()
    assert call("POST", "clock", {"step_seconds": 30})[0] == 200
    stepped.client.list_clusters()
    assert call("GET", f"faults/{made['id']}")[2]["over"] is True


def test_the_clock_is_read_stepped_and_set(stepped, call):
    cluster = stepped.run(AutoTerminationPolicy={"IdleTimeout": 3_600})
    stepped.wait_cluster(cluster, "WAITING")
    before = call("GET", "clock")[2]
    assert before["rate"] == 0
    assert before["timers"] >= 1
    assert call("POST", "clock", {"step_seconds": 3_600})[2]["now"] > before["now"]
    assert stepped.cluster(cluster)["Status"]["State"] == "TERMINATED"
    assert call("POST", "clock", {"rate": 60})[2]["rate"] == 60
    assert call("POST", "clock", {"rate": 0, "step_seconds": 1})[2]["rate"] == 0


def test_the_state_tells_the_settings_in_force_and_how_much_there_is(stepped, call):
    stepped.run(stepped.bash("true"))
    state = call("GET", "state")[2]
    assert state["settings"]["delays"]["starting"] == 0
    assert state["settings"]["endpoint_url"] == stepped.endpoint_url
    assert state["records"]["cluster"] >= 1
    assert state["records"]["step"] >= 1
    assert state["clock"]["rate"] == 0
    assert state["faults"] == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("faults", {}, "kind: Field required"),
        ("faults", {"kind": "explosion"}, "kind: Input should be 'throttle', 'lost_response', 'outage'"),
        (
            "faults",
            {"kind": "hang", "matches": "s-1"},
            "matches: Extra inputs are not permitted. It takes: kind",
        ),
        (
            "faults",
            {"kind": "hang", "probability": 2},
            "probability: Input should be less than or equal to 1",
        ),
        ("faults", {"kind": "hang", "times": 0}, "times: Input should be greater than or equal to 1"),
        ("faults", {"kind": "outage"}, 'outage lasts some time: add "seconds"'),
        ("faults", {"kind": "hang", "rate": 3}, '"rate" and "burst" are of a throttle'),
        ("faults", {"kind": "hang", "cut": False}, '"cut" is of an outage or a lost_response'),
        ("faults", "{", "/_emr/faults: Invalid JSON"),
        ("faults", [], "Input should be an object"),
        ("clock", {}, 'give "rate", "step_seconds" or both'),
        ("clock", {"rate": -1}, "rate: Input should be greater than or equal to 0"),
        ("clock", {"step_seconds": "soon"}, "step_seconds: Input should be a valid number"),
        ("clock", {"step_seconds": 1e12}, "step_seconds: Input should be less than or equal to 315360000"),
        ("clock", '{"rate": NaN}', "rate: Input should be a finite number"),
    ],
)
def test_a_wrong_order_is_a_400_that_says_what_and_where(call, path, body, words):
    status, _, answer = call("POST", path, body)
    assert status == 400
    assert words in answer["error"]
    assert "It takes: " in answer["error"]


def test_what_is_not_there_is_a_404_that_says_what_is(call):
    assert call("GET", "fault")[::2] == (
        404,
        {"error": "there is no /_emr/fault; there are: /_emr/, /_emr/faults, /_emr/clock, /_emr/state"},
    )
    assert call("GET", "clock/1")[0] == 404
    made = call("POST", "faults", {"kind": "hang"})[2]["id"]
    assert call("DELETE", "faults/fault-0")[2]["error"] == f"there is no fault fault-0; there are: {made}"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "faults", "GET, POST, DELETE"),
        ("POST", "faults/fault-1", "GET, DELETE"),
        ("DELETE", "clock", "GET, POST"),
        ("POST", "state", "GET"),
        ("OPTIONS", "faults", "GET, POST, DELETE"),
    ],
)
def test_another_method_is_a_405_that_names_those_allowed(call, method, path, allowed):
    status, headers, _ = call(method, path)
    assert (status, headers["Allow"]) == (405, allowed)
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"origin": "http://localhost:3000"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1.evil.example"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"host": "localhost:1"}, 201),
        ({"host": "evil.example:80"}, 403),
        ({"host": ""}, 403),
    ],
)
def test_pages_of_other_sites_are_refused(stepped, call, headers, status):
    assert call("POST", "faults", {"kind": "hang"}, **headers)[0] == status
    assert len(list(stepped.app.context.faults)) == (status == 201)


def test_a_page_of_another_site_cannot_run_a_cluster_either(stepped):
    connection = http.client.HTTPConnection("127.0.0.1", stepped.server.server_port, timeout=30)
    body = json.dumps({"Name": "evil", "Instances": {"MasterInstanceType": "m5.xlarge"}, **NEEDED})
    target = {"X-Amz-Target": "ElasticMapReduce.RunJobFlow"}
    for origin, status in (("https://evil.example", 403), ("http://127.0.0.1:8080", 200)):
        connection.request("POST", "/", body, {**target, "Origin": origin})
        response = connection.getresponse()
        assert (response.status, "JobFlowId" in response.read().decode()) == (status, status == 200)
    connection.close()

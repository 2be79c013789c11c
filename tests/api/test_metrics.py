"""What is counted, as CloudWatch reads it from the log."""

import json

import pytest

from .conftest import ALICE, DAVE
from .test_multipart import SIZE, complete, send_parts


@pytest.fixture
def counted(capsys):
    """Reads the metrics that were written since the last time, each line's names with their numbers."""

    def read():
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        for line in lines:
            (told,) = line["_aws"]["CloudWatchMetrics"]
            assert (told["Namespace"], told["Dimensions"]) == ("Sparkdrop", [["service"]])
        return [
            {one["Name"]: line[one["Name"]] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
            | ({"problem": line["problem"]} if "problem" in line else {})
            for line in lines
        ]

    return read


def test_links_are_counted_with_their_bytes(api, counted):
    api.ask_link()
    assert counted() == [{"LinksMade": [1.0], "BytesDeclared": [4.0]}]
    api.begin()
    assert counted() == [{"LinksMade": [1.0], "BytesDeclared": [float(SIZE)]}]


def test_what_is_done_again_is_counted_once(api, counted):
    upload_id = api.begin().body["upload_id"]
    send_parts(api, upload_id, 1, 2, 3)
    counted()
    for _ in range(2):
        complete(api, upload_id)
        api.invoke()
    assert counted() == [{"UploadsCompleted": [1.0]}, {"RunsInvoked": [1.0]}]


def test_problems_are_counted_by_their_kind_in_the_log(api, counted):
    api.ask_link(DAVE)
    api.get("/nowhere")
    assert counted() == [
        {"Refused": [1.0], "problem": "unknown-pipeline"},
        {"Refused": [1.0], "problem": "no-such-route"},
    ]


def test_what_merely_looks_is_not_counted(api, counted):
    for address in ("/health", "/pipelines", "/uploads"):
        assert api.get(address, ALICE).status == 200
    assert counted() == []

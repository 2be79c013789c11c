"""What may be asked for, what is refused, and what counts as the same request."""

import pytest
from pydantic import ValidationError

from sparkdrop.core.catalog import Catalog, build_catalog, describe_changes
from sparkdrop.core.emr_request import MAX_STEP_CHARACTERS, build_step, locate_batch
from sparkdrop.core.errors import BatchFailedError, InvocationRefusedError, UnknownPipelineError
from sparkdrop.core.events import build_wake_up, parse_wake_up
from sparkdrop.core.invocation import Invocation, make_invocation_id
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.program import locate_program
from sparkdrop.core.spark_dependencies import locate_dependencies

from .test_emr_request import DEPLOYMENT

REQUEST = {"pipeline": "flights", "input": "s3://uploads/flights/jan.csv", "idempotency_key": "january"}


def make_pipeline(name, **settings):
    return Pipeline.model_validate({"name": name, "arrival": {"keys": [f"{name}/*.csv"]}, **settings})


CATALOG = build_catalog(
    [
        make_pipeline("weather", wait_for=["flights/lookup.json"]),
        make_pipeline("flights"),
        make_pipeline("partner", arrival={"mode": "sensor", "bucket": "theirs", "keys": ["*.csv"]}),
    ],
    "artifacts",
)


def ask(**changes):
    return Invocation.model_validate({**REQUEST, **changes})


@pytest.mark.parametrize(
    ("place", "bucket", "key", "is_prefix"),
    [
        ("s3://uploads/flights/jan.csv", "uploads", "flights/jan.csv", False),
        ("s3://uploads/flights/2013/", "uploads", "flights/2013/", True),
        ("s3://b/a b+%20ü\n.csv", "b", "a b+%20ü\n.csv", False),
        ("s3://b//a//", "b", "/a//", True),
    ],
)
def test_an_input_is_an_object_or_a_folder(place, bucket, key, is_prefix):
    request = ask(input=place)
    assert (request.bucket, request.key, request.is_prefix) == (bucket, key, is_prefix)


@pytest.mark.parametrize("text", ["--mode", "--manifests", "-m", "manifest", "--max=3", "---"])
def test_what_only_looks_like_the_manifest_is_an_argument(text):
    assert ask(arguments=[text]).arguments == (text,)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": "s3://uploads/"},
        {"input": "s3://uploads"},
        {"input": "s3:///key"},
        {"input": "/flights/jan.csv"},
        {"input": "https://uploads/flights/jan.csv"},
        {"input": f"s3://uploads/{'ü' * 513}"},
        {"arguments": ["a\0b"]},
        {"arguments": [""]},
        *(
            {"arguments": ["--day", text]}
            for text in ("--manifest", "--manifest=s3://b", "--man=x", "--m", "--")
        ),
        {"arguments": [1]},
        {"arguments": "--day 1"},
        {"arguments": ["a"] * 1001},
        {"idempotency_key": ""},
        {"idempotency_key": "a" * 129},
        {"idempotency_key": "a b"},
        {"idempotency_key": "january\n"},
        {"pipeline": ""},
        {"pipline": "flights"},
    ],
    ids=repr,
)
def test_what_cannot_be_done_is_refused(changes):
    with pytest.raises(ValidationError):
        ask(**changes)


def test_the_id_follows_from_caller_pipeline_and_key():
    one = make_invocation_id("me", "flights", "k")
    assert one == make_invocation_id("me", "flights", "k")
    others = [("you", "flights", "k"), ("me", "weather", "k"), ("me", "flights", "l"), ("mef", "lights", "k")]
    assert len({one, *(make_invocation_id(*other) for other in others)}) == 5


def test_a_role_is_one_caller_whatever_its_session_is_called():
    role = "arn:aws:sts::111122223333:assumed-role/{}/{}"
    ids = {make_invocation_id(role.format("loader", session), "flights", "k") for session in ("a", "b")}
    assert len(ids) == 1
    assert make_invocation_id(role.format("other", "a"), "flights", "k") not in ids
    user = "arn:aws:iam::111122223333:user/{}"
    assert len({make_invocation_id(user.format(name), "flights", "k") for name in "ab"}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"input": "s3://uploads/flights/"},
        {"input": "s3://uploads/archive/jan.csv"},
        {"input": "s3://uploads/flights/lookup.json"},
        {"pipeline": "partner", "input": "s3://theirs/jan.csv"},
        {"pipeline": "partner", "input": "s3://uploads/jan.csv"},
    ],
    ids=repr,
)
def test_what_is_accepted(changes):
    request = ask(**changes)
    assert CATALOG.check(request, "uploads").name == request.pipeline


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"input": "s3://secrets/flights/jan.csv"}, "input", "reads no object of bucket 'secrets'"),
        ({"input": "s3://theirs/jan.csv"}, "input", "accepted: uploads"),
        ({"input": "s3://curated/flights/"}, "input", "accepted: uploads"),
        (
            {"pipeline": "partner", "input": "s3://curated/flights/"},
            "input",
            "accepted: uploads or theirs",
        ),
        ({"input": "s3://uploads/weather/jan.csv"}, "input", "belongs to pipeline 'weather'"),
        ({"input": "s3://uploads/weather/_jan.csv"}, "input", "belongs to pipeline 'weather'"),
        ({"arguments": ["a" * 10_000]}, "arguments", "10,000 characters together"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_a_pipeline_may_not_do(changes, field, message):
    with pytest.raises(InvocationRefusedError, match=message) as refused:
        CATALOG.check(ask(**changes), "uploads")
    assert refused.value.field == field


def test_an_unknown_pipeline_gets_the_nearest_names():
    with pytest.raises(UnknownPipelineError, match="'flihgts'; nearest: flights"):
        CATALOG.check(ask(pipeline="flihgts"), "uploads")
    with pytest.raises(UnknownPipelineError, match="there are: flights, partner, weather"):
        CATALOG.check(ask(pipeline="zzz"), "uploads")
    with pytest.raises(UnknownPipelineError, match="there are: none"):
        Catalog().find("flights")


@pytest.mark.parametrize(
    "job",
    [
        {},
        {"arguments": ["--day", "1"], "spark": {"spark.sql.shuffle.partitions": 8}},
        {"spark": {"spark.archives": "s3://x/y.zip#y", "spark.pyspark.python": "python3.12"}},
        {"program": "s3://programs/clean.jar"},
    ],
    ids=repr,
)
def test_the_room_for_arguments_is_what_emr_leaves(job):
    pipeline = make_pipeline("flights", job=job)
    dependencies = locate_dependencies(DEPLOYMENT.artifacts_bucket, "a" * 20)
    deployment = DEPLOYMENT.model_copy(update={"spark_dependencies": dependencies})
    program = locate_program(pipeline, deployment, "a" * 64, has_parts=True)
    batch_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    manifest = locate_batch(pipeline, DEPLOYMENT, batch_id).manifest
    (told,) = build_catalog([pipeline], DEPLOYMENT.artifacts_bucket).pipelines
    fitting = ["x" * (told.argument_room - 1), "y"]
    words = build_step(pipeline, batch_id, program, manifest, fitting)["HadoopJarStep"]
    assert len(words["Jar"]) + sum(map(len, words["Args"])) == MAX_STEP_CHARACTERS
    assert words["Args"][-4:] == [*fitting, "--manifest", manifest], "of two, argparse takes the last"
    with pytest.raises(BatchFailedError, match="10,241 characters"):
        build_step(pipeline, batch_id, program, manifest, [*fitting, "z"])


def test_a_catalog_is_read_back_as_it_was_written():
    assert Catalog.model_validate_json(CATALOG.model_dump_json()) == CATALOG
    assert [pipeline.name for pipeline in CATALOG.pipelines] == ["flights", "partner", "weather"]


def test_what_a_new_catalog_changes_is_told():
    after = build_catalog(
        [make_pipeline("flights", batch={"max_files": 3}), make_pipeline("new")], "artifacts"
    )
    assert describe_changes(CATALOG, after) == [
        "flights: changed max_files",
        "new: added",
        "partner: removed",
        "weather: removed",
    ]
    assert describe_changes(None, after) == ["flights: added", "new: added"]
    assert describe_changes(after, after) == []


def test_a_wake_up_is_told_from_everything_else():
    assert parse_wake_up(build_wake_up("flights")) == "flights"
    for body in ("", "{}", '"Invocation Recorded"', '{"detail-type": "Invocation Recorded"}'):
        assert parse_wake_up(body) is None

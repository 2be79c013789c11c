import pytest

from sparkdrop.core.config import parse_configs
from sparkdrop.core.routing import COMPANION, PASSED_OVER, Router

FILES = {
    "planes.yaml": """
arrival: {mode: none, keys: ["planes/*.csv"]}
wait_for: ["planes/{{ ds }}/_SUCCESS", "s3://other/lookup.csv", "planes/also.csv"]
""",
    "weather.yaml": 'arrival: {keys: ["weather/*.csv"]}',
    "spark.yaml": 'arrival: {keys: ["spark/**.csv", "spark/_kept/*.csv", "spark/**/_x*.csv"]}',
    "inbox.yaml": 'arrival: {keys: ["_in/*.csv"]}',
    "all.yaml": 'arrival: {keys: ["all/**.csv"], hidden: take}',
}


@pytest.fixture(scope="module")
def router() -> Router:
    loaded = parse_configs(FILES)
    assert not loaded.errors
    return Router(loaded.pipelines.values(), "uploads")


@pytest.mark.parametrize(
    ("bucket", "key", "name"),
    [
        ("uploads", "weather/a.csv", "weather"),
        ("uploads", "weather/01ARZ3NDEKTSV4RRFFQ69G5FAV/a.csv", "weather"),
        ("uploads", "weather/a.txt", None),
        ("elsewhere", "weather/a.csv", None),
        ("uploads", "planes/2026-11-24/_SUCCESS", COMPANION),
        ("uploads", "planes/_SUCCESS", PASSED_OVER),
        ("uploads", "nobody/_SUCCESS", PASSED_OVER),
        ("uploads", "weather/_a.csv", PASSED_OVER),
        ("uploads", "weather/.a.csv.swp", PASSED_OVER),
        ("uploads", "weather/a_b.csv", "weather"),
        (
            "uploads",
            "weather/01ARZ3NDEKTSV4RRFFQ69G5FAV/_a.csv",
            "weather",
        ),  # the name that its uploader chose
        ("uploads", "spark/out/part-0.csv", "spark"),
        ("uploads", "spark/out/_temporary/0/attempt_1/part-0.csv", PASSED_OVER),
        ("uploads", "spark/out/__magic_job-1/part-0.csv", PASSED_OVER),
        ("uploads", "spark/.staging/part-0.csv", PASSED_OVER),
        ("uploads", "spark/_kept/part-0.csv", "spark"),  # the pattern writes it out
        ("uploads", "spark/a/_x1.csv", "spark"),
        ("uploads", "spark/_kept/_y.csv", PASSED_OVER),
        ("uploads", "_in/01ARZ3NDEKTSV4RRFFQ69G5FAV/_y.csv", "inbox"),
        ("uploads", "_in/_y.csv", PASSED_OVER),
        ("uploads", "all/_temporary/part-0.csv", "all"),
        ("uploads", "all/.hidden", PASSED_OVER),  # and so it is no noise among the unrouted
        ("elsewhere", "all/_temporary/part-0.csv", PASSED_OVER),
        ("other", "lookup.csv", COMPANION),
        ("other", "lookup_csv", None),
        ("uploads", "planes/also.csv", "planes"),  # what a pattern matches is data, waited for or not
    ],
)
def test_route(router, bucket, key, name):
    assert router.route(bucket, key) == name

import pytest

from sparkdrop.core.config import parse_configs
from sparkdrop.core.routing import COMPANION, Router

FILES = {
    "planes.yaml": """
arrival: {mode: none, keys: ["planes/*.csv"]}
wait_for: ["planes/{{ ds }}/_SUCCESS", "s3://other/lookup.csv", "planes/also.csv"]
""",
    "weather.yaml": 'arrival: {keys: ["weather/*.csv"]}',
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
        ("uploads", "planes/_SUCCESS", None),
        ("other", "lookup.csv", COMPANION),
        ("other", "lookup_csv", None),
        ("uploads", "planes/also.csv", "planes"),  # what a pattern matches is data, waited for or not
    ],
)
def test_route(router, bucket, key, name):
    assert router.route(bucket, key) == name

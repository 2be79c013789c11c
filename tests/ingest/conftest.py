"""The engine's parts as they lie in the repository, without Spark, and the stores that they work on."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = str(Path(__file__).parents[2] / "include" / "spark_jobs")
if _PROGRAMS not in sys.path:
    sys.path.insert(0, _PROGRAMS)


@pytest.fixture(scope="package")
def s3_door() -> Iterator[Any]:
    """S3 behind a door that can be told to fail; its environment ends with this folder's tests."""
    from ingest_parts import store

    from tests.ingest.s3_server import run_s3  # it needs the path above, and few tests need it

    with run_s3() as door, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "ATTEMPTS", 3)  # each waits longer than the one before
        patch.setattr(store, "_clients", {})
        yield door


@pytest.fixture
def door(s3_door: Any) -> Iterator[Any]:
    """The same, without a fault and with nothing asked yet."""
    s3_door.fault = lambda _method, _path: None
    s3_door.requests.clear()
    yield s3_door
    s3_door.fault = lambda _method, _path: None


@pytest.fixture
def store(door: Any) -> Any:
    from ingest_parts.store import open_store

    assert not door.requests
    return open_store("eu-central-1")


@pytest.fixture(params=["s3", "file"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A URI to write below: a bucket of its own, and a folder of its own."""
    if request.param == "file":
        return f"file://{tmp_path}"
    from tests.ingest.s3_server import make_bucket

    return f"s3://{make_bucket(request.getfixturevalue('store'))}/area"

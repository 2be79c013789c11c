"""One Spark for all tests of the Spark program, with S3 (moto) and local files both in reach."""

import gc
import importlib
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pyspark.sql import DataFrame, SparkSession

from sparkdrop.aws.programs import read_parts
from sparkdrop_local.spark import prepare
from sparkdrop_local.spark_conf import build_spark_conf
from sparkdrop_local.spark_jars import cache_dir

from .results import read_rejects

PROGRAM = Path(__file__).parents[2] / "include" / "spark_jobs" / "ingest.py"
INPUT_KEYS: dict[str, Any] = {
    "columns": "exact", "charset": "utf-8", "nulls": [], "date_format": None, "timestamp_format": None,
    "time_zone": "UTC", "decimal": ".", "grouping": None, "leading_zeros": False, "row_tag": None,
}  # fmt: skip
CSV_KEYS: dict[str, Any] = {
    "separator": None, "quote": '"', "escape": None, "header": True, "skip_lines": 0, "comment": None,
}  # fmt: skip

# Py4J gives every Python thread a connection of its own and leaves it to the garbage collector when the
# thread ends; there is no call that closes one. Nothing else is let through.
PY4J_SOCKETS = (
    r"ignore:Exception ignored in. <socket\.socket .*127\.0\.0\.1:pytest.PytestUnraisableExceptionWarning"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(PY4J_SOCKETS))


@pytest.fixture(scope="session")
def ingest(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The program as a module; its tasks have its parts from the zip that ships."""
    packed = read_parts(PROGRAM)
    assert packed is not None
    archive = tmp_path_factory.mktemp("py-files") / "ingest_parts.zip"
    archive.write_bytes(packed)
    spark.sparkContext.addPyFile(str(archive))
    return importlib.import_module("ingest")


@pytest.fixture(scope="session")
def endpoint_url() -> Iterator[str]:
    """An S3 on a free port of loopback."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="session")
def spark(endpoint_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Spark with two cores, set up as the local EMR sets it up."""
    scratch = tmp_path_factory.mktemp("spark")
    runtime = prepare(cache_dir(), train=False)
    conf = build_spark_conf(runtime, endpoint_url=endpoint_url, region="eu-central-1", scratch_dir=scratch)
    conf["spark.driver.extraClassPath"] = f"{runtime.jars_dir}/*"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint_url)  # for the tasks, whose processes start from here
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("JAVA_HOME", str(runtime.jdk.home))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.delenv("SPARK_CONF_DIR", raising=False)
        builder = SparkSession.builder.master("local[2]").appName("tests")
        for name, value in conf.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")  # tasks that fail are part of the tests
    yield session
    session.stop()
    gc.collect()  # what Py4J left is reported here, where the filter is


@dataclass(frozen=True)
class Outcome:
    """What a run left behind."""

    code: int
    report: dict[str, Any]
    spark: SparkSession
    output_uri: str
    rejects_uri: str

    def file(self, name: str) -> dict[str, Any]:
        """The report on the one file whose key ends so."""
        (found,) = [item for item in self.report["files"] if item["key"].endswith(name)]
        return found

    def output(self) -> DataFrame:
        return self.spark.read.parquet(self.output_uri)

    def rejects(self) -> list[dict[str, Any]]:
        return read_rejects(self.rejects_uri)


@dataclass
class Drop:
    """A batch of local files in the making."""

    folder: Path
    module: ModuleType
    spark: SparkSession
    entries: list[dict[str, Any]] = field(default_factory=list)

    def put(self, key: str, content: bytes | str, upload_id: str | None = None) -> Path:
        """Write a file and name it in the batch."""
        path = self.folder / "uploads" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.name(key, upload_id)
        return path

    def name(self, key: str, upload_id: str | None = None) -> None:
        """Name a file in the batch, be it there or not."""
        path = self.folder / "uploads" / key
        self.entries.append(
            {
                "upload_id": upload_id or f"up-{len(self.entries)}", "bucket": "local", "key": key,
                "version_id": None, "etag": None, "bytes": 0, "uri": f"file://{path}",
            }
        )  # fmt: skip

    def manifest(self, **changes: Any) -> dict[str, Any]:
        """The manifest; ``format``, ``schema``, ``files`` and the dicts ``input``, ``output`` and ``rejects``
        may differ.

        ``input`` holds the pipeline file's flat keys: those of CSV go where the manifest has them.
        """
        root = f"file://{self.folder}"
        keys = dict(changes.get("input", {}))
        csv = {name: keys.pop(name, default) for name, default in CSV_KEYS.items()}
        return {
            "version": 2, "batch_id": "batch-1", "pipeline": "trial", "region": None,
            "files": changes.get("files", self.entries),
            "input": {
                "format": changes.get("format", "csv"),
                "schema": changes.get("schema", "id INT, name STRING"),
                **INPUT_KEYS, **keys, "csv": csv,
            },
            "output": {
                "uri": f"{root}/out/batch=1", "format": "parquet", "partition_by": [],
                "file_bytes": 128 * 2**20, **changes.get("output", {}),
            },
            "rejects": {
                "uri": f"{root}/rejects/batch=1", "max_share": 1.0, "max_rows": None,
                **changes.get("rejects", {}),
            },
            "report_uri": f"{root}/artifacts/report.json",
        }  # fmt: skip

    def run(self, **changes: Any) -> Outcome:
        """Run the program over the batch."""
        document = self.manifest(**changes)
        path = self.folder / f"manifest-{uuid.uuid4().hex}.json"
        path.write_text(json.dumps(document))
        report = self.folder / "artifacts" / "report.json"
        report.unlink(missing_ok=True)
        code = self.module.main(["--manifest", f"file://{path}"], self.spark)
        found = json.loads(report.read_text()) if report.exists() else {}
        return Outcome(code, found, self.spark, document["output"]["uri"], document["rejects"]["uri"])


@pytest.fixture
def drop(tmp_path: Path, ingest: ModuleType, spark: SparkSession) -> Drop:
    return Drop(tmp_path, ingest, spark)


@pytest.fixture(scope="module")
def module_drop(tmp_path_factory: pytest.TempPathFactory, ingest: ModuleType, spark: SparkSession) -> Drop:
    return Drop(tmp_path_factory.mktemp("drop"), ingest, spark)


def make_bucket(endpoint_url: str) -> Any:
    s3 = boto3.resource(
        "s3", endpoint_url=endpoint_url, region_name="eu-central-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip
    return s3.create_bucket(
        Bucket=f"drop-{uuid.uuid4().hex[:12]}",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )


@pytest.fixture
def plain_bucket(endpoint_url: str) -> Any:
    """A bucket of its own that keeps no versions."""
    return make_bucket(endpoint_url)


@pytest.fixture
def bucket(endpoint_url: str) -> Any:
    """A bucket of its own that keeps versions."""
    made = make_bucket(endpoint_url)
    made.Versioning().enable()
    return made

"""Runs builds of the ingest program in one Spark session of this process, over local files."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from sparkdrop.aws.programs import read_parts
from sparkdrop_local.spark import prepare
from sparkdrop_local.spark_conf import build_spark_conf
from sparkdrop_local.spark_jars import cache_dir
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

PROGRAM = REPOSITORY / "include" / "spark_jobs" / "ingest.py"
_PARTS = "ingest_parts"


@contextlib.contextmanager
def open_session(scratch: Path, master: str = "local[*]") -> Iterator[SparkSession]:
    """Open Spark as the local EMR sets it up; S3 is not in reach."""
    runtime = prepare(cache_dir(), train=False)
    os.environ["JAVA_HOME"] = str(runtime.jdk.home)
    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    conf = build_spark_conf(
        runtime, endpoint_url="http://127.0.0.1:9", region="eu-central-1", scratch_dir=scratch
    )
    builder = SparkSession.builder.master(master).appName("bench")
    for name, value in {**conf, "spark.driver.extraClassPath": f"{runtime.jars_dir}/*"}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session
    finally:
        session.stop()


@dataclass(frozen=True)
class Batch:
    """Local files that are ingested together, and how.

    Attributes:
        files: each file by its key.
        format: of the files.
        schema: Spark DDL; inferred when None.
        partition_by: of the output.
        nulls: texts that stand for a missing value; one at most where an old build is to read them too.
    """

    files: Mapping[str, Path]
    format: str = "csv"
    schema: str | None = None
    partition_by: Sequence[str] = ()
    nulls: Sequence[str] = ()


@dataclass
class Program:
    """One build of the program: its file, its parts, and the version of the manifests that it reads."""

    path: Path
    scratch: Path
    version: int = 2
    _modules: dict[str, ModuleType] = field(default_factory=dict)

    def ship(self, spark: SparkSession) -> None:
        """Give the parts to the session's tasks, as `--py-files` does."""
        spark.sparkContext.addPyFile(str(self._archive()))

    def run(self, spark: SparkSession, batch: Batch, folder: Path) -> dict[str, Any]:
        """Ingest a batch into `folder/out` and return the report.

        Raises:
            RuntimeError: the program failed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        manifest = folder / "manifest.json"
        manifest.write_text(json.dumps(build_manifest(batch, folder, self.version)), encoding="utf-8")
        with self._imported() as module:
            code = module.main(["--manifest", manifest.as_uri()], spark)
        if code:
            raise RuntimeError(f"{self.path} ended with {code} on {manifest}")
        report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
        return report

    def _archive(self) -> Path:
        archive = self.scratch / f"version-{self.version}" / f"{_PARTS}.zip"
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(read_parts(self.path) or b"")
        return archive

    @contextlib.contextmanager
    def _imported(self) -> Iterator[ModuleType]:
        """Two builds have parts of one name: each run sees its own."""
        others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == _PARTS}
        sys.modules.update(self._modules)
        sys.path.insert(0, str(self._archive()))
        try:
            yield self._module()
        finally:
            sys.path.remove(str(self._archive()))
            ours = [name for name in sys.modules if name.split(".")[0] == _PARTS]
            self._modules = {name: sys.modules[name] for name in ours}
            for name in ours:
                del sys.modules[name]
            sys.modules.update(others)

    def _module(self) -> ModuleType:
        name = f"{_PARTS}.__program__"
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, self.path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name]


def build_manifest(batch: Batch, folder: Path, version: int) -> dict[str, Any]:
    """Build the manifest of a batch, as builds of that version read it."""
    files = [
        {
            "upload_id": f"upload-{number}", "bucket": "local", "key": key, "version_id": None, "etag": None,
            "bytes": path.stat().st_size, "uri": f"file://{path}",
        }
        for number, (key, path) in enumerate(batch.files.items())
    ]  # fmt: skip
    manifest: dict[str, Any] = {
        "version": version, "batch_id": "bench", "pipeline": "bench", "region": None, "files": files,
        "input": {"format": batch.format, "schema": batch.schema, "options": {}},
        "output": {
            "uri": (folder / "out").as_uri(), "format": "parquet", "partition_by": list(batch.partition_by),
            "file_bytes": 128 * 2**20,
        },
        "report_uri": (folder / "report.json").as_uri(),
    }  # fmt: skip
    rejects = (folder / "rejects").as_uri()
    if version == 1:
        nulls = {"nullValue": batch.nulls[0]} if batch.nulls else {}
        return manifest | {"rejects_uri": rejects, "input": {**manifest["input"], "options": nulls}}
    return manifest | {
        "rejects": {"uri": rejects, "max_share": 1.0, "max_rows": None},
        "input": {
            "format": batch.format, "schema": batch.schema, "columns": "exact", "charset": "utf-8",
            "nulls": list(batch.nulls), "date_format": None, "timestamp_format": None, "time_zone": "UTC",
            "decimal": ".", "grouping": None, "leading_zeros": False, "row_tag": None,
            "csv": {
                "separator": None, "quote": '"', "escape": None, "header": True, "skip_lines": 0,
                "comment": None,
            },
        },
    }  # fmt: skip

"""Spark's S3A jars: what PySpark leaves out to read and write ``s3://``, fetched once into a cache folder.

Spark's own resolver (Ivy) does it, through ``spark.jars.packages``. What PySpark ships already is excluded,
and so is the 600 MB bundle of the AWS SDK: S3A needs three of its modules.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.java import Jdk

CACHE_VARIABLE = "SPARKDROP_CACHE_DIR"
COORDINATES = (
    "org.apache.hadoop:hadoop-aws:3.4.1",
    "org.apache.spark:spark-hadoop-cloud_2.13:4.0.2",
    "software.amazon.awssdk:s3:2.29.52",
    "software.amazon.awssdk:sts:2.29.52",
    # hadoop-aws's own pom names 2.24.6 of this one, which does not fit the others
    "software.amazon.awssdk:s3-transfer-manager:2.29.52",
)
EXCLUDES = (
    "software.amazon.awssdk:bundle",
    # other clouds
    "org.apache.hadoop:hadoop-cloud-storage",
    "org.apache.hadoop:hadoop-azure",
    "org.apache.hadoop:hadoop-azure-datalake",
    "com.google.cloud.bigdataoss:gcs-connector",
    "com.squareup.okhttp3:*",
    "com.squareup.okio:*",
    # PySpark ships these, some in a newer version: two of one on a class path is a lottery
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.spark:spark-core_2.13",
    "com.fasterxml.jackson.core:*",
    "com.fasterxml.jackson.dataformat:*",
    "commons-codec:*",
    "io.netty:*",
    "joda-time:*",
    "org.apache.httpcomponents:*",
    "org.eclipse.jetty:*",
    "org.slf4j:*",
)
# Maven Central is Ivy's own default; Spark's list of repositories adds one that many networks do not reach.
_IVY_SETTINGS = """<ivysettings>
  <settings defaultResolver="all"/>
  <resolvers>
    <chain name="all" returnFirst="true">
      <ibiblio name="local" m2compatible="true" root="file:${{user.home}}/.m2/repository"/>
      <ibiblio name="central" m2compatible="true"{root}/>
    </chain>
  </resolvers>
</ivysettings>
"""


class JarsNotFoundError(SparkdropError):
    """Spark's S3A jars are not in the cache, or could not be fetched."""


def cache_dir() -> Path:
    """Give the cache folder: SPARKDROP_CACHE_DIR, or ``.cache/spark-jars`` of the repository."""
    repository = Path(__file__).resolve().parents[2]
    return Path(os.environ.get(CACHE_VARIABLE) or repository / ".cache" / "spark-jars").resolve()


def marker_of(cache: Path) -> Path:
    """Name the file that says that these very coordinates are there, whole."""
    digest = hashlib.sha256("\n".join((*COORDINATES, *EXCLUDES)).encode()).hexdigest()[:16]
    return cache / f"complete-{digest}"


def jars_of(cache: Path) -> Path:
    """Name the folder of the fetched jars; a new set of coordinates gets a new folder."""
    return cache / f"jars-{marker_of(cache).name.removeprefix('complete-')}"


@contextlib.contextmanager
def lock_cache(cache: Path) -> Iterator[None]:
    """Keep every other process that fills this cache waiting."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_jars(cache: Path) -> Path:
    """Give the folder of the jars, or raise JarsNotFoundError with the command that fetches them."""
    if not marker_of(cache).exists():
        raise JarsNotFoundError(
            f"Spark's S3A jars are not in {cache}: fetch them with `python -m sparkdrop_local.spark` "
            f"(once; {CACHE_VARIABLE} names another folder)"
        )
    return jars_of(cache)


def fetch_jars(cache: Path, jdk: Jdk, spark_home: Path) -> bool:
    """Fetch the jars unless they are there; tell whether anything was fetched.

    Raises:
        JarsNotFoundError: Ivy could not resolve or download them; the message carries its last words.
    """
    if marker_of(cache).exists():
        return False
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as name:
        scratch = Path(name)
        done = _run_ivy(scratch, cache, jdk, spark_home)
        if done.returncode != 0:
            raise JarsNotFoundError(
                f"Spark could not fetch its S3A jars from Maven Central: {_last_words(done.stdout)}; "
                "look at the network (DEFAULT_ARTIFACT_REPOSITORY names a mirror) and run it again"
            )
        target = jars_of(cache)
        shutil.rmtree(target, ignore_errors=True)
        (scratch / "ivy" / "jars").rename(target)
    marker_of(cache).write_text("\n".join(COORDINATES) + "\n", encoding="utf-8")
    return True


def _run_ivy(scratch: Path, cache: Path, jdk: Jdk, spark_home: Path) -> subprocess.CompletedProcess[str]:
    """Let SparkSubmit resolve the packages of an empty program."""
    mirror = os.environ.get("DEFAULT_ARTIFACT_REPOSITORY")
    settings = scratch / "ivysettings.xml"
    settings.write_text(_IVY_SETTINGS.format(root=f' root="{mirror}"' if mirror else ""), encoding="utf-8")
    program = scratch / "nothing.py"
    program.write_text("", encoding="utf-8")
    conf = {
        "spark.jars.ivySettings": str(settings),
        "spark.jars.ivy": str(scratch / "ivy"),
        "spark.jars.packages": ",".join(COORDINATES),
        "spark.jars.excludes": ",".join(EXCLUDES),
    }
    command = [str(jdk.java), "-cp", f"{spark_home}/jars/*", "org.apache.spark.deploy.SparkSubmit"]
    command += ["--master", "local[1]"]
    for key, value in conf.items():
        command += ["--conf", f"{key}={value}"]
    environment = {**os.environ, "SPARK_HOME": str(spark_home), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYSPARK_PYTHON"] = sys.executable
    environment.pop("SPARK_CONF_DIR", None)
    return subprocess.run(
        [*command, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment,
        cwd=cache,
    )


def _last_words(output: str) -> str:
    """Pick the line of Ivy's long answer that says what went wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "not found" in line or "Exception" in line or "rror" in line]
    return (telling or lines or ["it said nothing"])[-1][:300]

"""The Spark that runs on one machine as EMR's does: PySpark, S3A, the magic committer, and a quick start.

``python -m sparkdrop_local.spark`` prepares it: fetches the jars and trains the class-data archive, both
once.

SparkSubmit is started by ``java`` itself, not by the ``spark-submit`` script: the script starts a second JVM
only to build this very command line. Measured on 2 cores for a program that writes and reads Parquet: 10.4 s
by the plain JVM, 8.3 s with the C1 compiler alone (``TieredStopAtLevel=1``), 6.9 s with class-data sharing
alone, 5.0 s with both and the serial collector.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.java import JavaNotFoundError, Jdk, require_jdk
from sparkdrop_local.spark_jars import (
    JarsNotFoundError,
    cache_dir,
    fetch_jars,
    lock_cache,
    marker_of,
    require_jars,
)

QUICK_START_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData")
# The JVM warns of every class that an archive leaves out; errors are still told.
_QUIET_FLAGS = ("-Xlog:disable", "-Xlog:all=error:stderr")
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC$")
_SUBMIT_CLASS = "org.apache.spark.deploy.SparkSubmit"
_STDERR_VARIABLE = "SPARKDROP_STEP_STDERR"
# PythonRunner merges the driver's two outputs into stdout, on EMR too; this parts them again, so that a
# traceback is where a failure's cause is looked for, and stdout is what the program printed.
_DRIVER_PYTHON = """#!/bin/sh
if [ -n "$SPARKDROP_STEP_STDERR" ]; then exec 2>>"$SPARKDROP_STEP_STDERR"; fi
exec "{python}" "$@"
"""


class SparkNotFoundError(SparkdropError):
    """PySpark is not installed, or its launcher does not answer."""


@dataclass(frozen=True, kw_only=True)
class SparkRuntime:
    """A Spark that is ready to run, and the bounds put on it.

    Attributes:
        jdk: the JDK it runs on.
        home: PySpark's folder (SPARK_HOME).
        jars_dir: the folder of the S3A jars.
        launcher_flags: the JVM flags that Spark's own launcher sets (module openings).
        archive: the class-data archive, where one was trained.
        cores: task slots of ``local[n]``.
        driver_memory: the heap, which in local mode is the executors' too.
        max_cores: the most slots that a job gets which asks for more than ``cores``.
        max_memory: the most heap that a job gets which asks for more than ``driver_memory``.
        shuffle_partitions: the default of ``spark.sql.shuffle.partitions``.
        ui: whether each run serves Spark's UI.
        java_flags: what else the JVM gets; the default trades peak speed for a quick start.
    """

    jdk: Jdk
    home: Path
    jars_dir: Path
    launcher_flags: tuple[str, ...] = ()
    archive: Path | None = None
    cores: int = 2
    driver_memory: str = "1g"
    max_cores: int = field(default_factory=lambda: max(2, (os.cpu_count() or 2) // 2))
    max_memory: str = "2g"
    shuffle_partitions: int = 4
    ui: bool = False
    java_flags: tuple[str, ...] = QUICK_START_FLAGS

    @property
    def class_path(self) -> str:
        """Spark's jars first, so that no jar of S3A hides one of Spark's."""
        return f"{self.home / 'jars'}/*:{self.jars_dir}/*"


def spark_home() -> Path:
    """Find PySpark's folder, or raise SparkNotFoundError."""
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise SparkNotFoundError(f"PySpark is not installed for {sys.executable}: install the group `local`")
    return Path(found.origin).parent


def find_runtime(cache: Path | None = None) -> SparkRuntime:
    """Put together a runtime from what is on this machine.

    Raises:
        JavaNotFoundError, SparkNotFoundError, JarsNotFoundError: a part is missing; the message says how to
            get it.
    """
    from sparkdrop_local.spark_archive import archive_of  # that module builds on this one

    cache = cache or cache_dir()
    jars_dir = require_jars(
        cache
    )  # first: it is the part that is missing most often, and costs nothing to ask
    jdk = require_jdk()
    home = spark_home()
    runtime = SparkRuntime(
        jdk=jdk, home=home, jars_dir=jars_dir, launcher_flags=ask_launcher_flags(jdk, home)
    )
    archive = archive_of(runtime, cache)
    return replace(runtime, archive=archive) if archive.exists() else runtime


def ask_launcher_flags(jdk: Jdk, home: Path) -> tuple[str, ...]:
    """Ask Spark's launcher which JVM flags this Spark needs (0.3 s): they change from release to release.

    Raises:
        SparkNotFoundError: the launcher failed.
    """
    environment = {
        "SPARK_HOME": str(home),
        "JAVA_HOME": str(jdk.home),
        "SPARK_SCALA_VERSION": _scala_version(home),
    }
    command = [
        str(jdk.java),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{home}/jars/*",
        "org.apache.spark.launcher.Main",
    ]
    done = subprocess.run(
        [*command, _SUBMIT_CLASS, "nothing.py"], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode != 0:
        raise SparkNotFoundError(f"Spark's launcher in {home} failed: {done.stderr.strip().splitlines()[:1]}")
    words = [word.strip() for word in done.stdout.split("\0")]
    return tuple(word for word in words if word.startswith(("--add-", "-XX:", "-D")))


def build_spark_environment(
    runtime: SparkRuntime, *, conf_dir: Path, stderr: Path | None = None, python: str = sys.executable
) -> dict[str, str]:
    """Build the variables of a run, and write the driver's Python into the configuration folder.

    Args:
        runtime: the Spark that runs.
        conf_dir: the folder with ``spark-defaults.conf``.
        stderr: the file that the Python driver's stderr is appended to; Spark would mix it into stdout.
        python: the Python of the driver and its workers.
    """
    conf_dir.mkdir(parents=True, exist_ok=True)
    driver = conf_dir / "python"
    driver.write_text(_DRIVER_PYTHON.format(python=python), encoding="utf-8")
    driver.chmod(0o755)
    environment = {
        "JAVA_HOME": str(runtime.jdk.home),
        "SPARK_HOME": str(runtime.home),
        "SPARK_CONF_DIR": str(conf_dir),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SCALA_VERSION": _scala_version(runtime.home),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": str(driver),
        "PATH": f"{runtime.jdk.home / 'bin'}:{runtime.home / 'bin'}:{os.environ.get('PATH', os.defpath)}",
    }
    if stderr is not None:
        environment[_STDERR_VARIABLE] = str(stderr)
    return environment


def build_java_arguments(
    runtime: SparkRuntime, *, java_options: Sequence[str] = (), class_path: Sequence[str] = ()
) -> list[str]:
    """Build the start of a command line: Spark's JVM, before the class that it runs.

    Args:
        runtime: the Spark that runs.
        java_options: what the run asks of its JVM; a collector it chooses is taken instead of the runtime's.
        class_path: what the run adds to the class path.
    """
    flags = runtime.java_flags
    if any(_COLLECTOR.match(option) for option in java_options):
        flags = tuple(flag for flag in flags if not _COLLECTOR.match(flag))
    archive = (f"-XX:SharedArchiveFile={runtime.archive}",) if runtime.archive else ()
    return [
        str(runtime.jdk.java),
        "-cp",
        ":".join((runtime.class_path, *class_path)),
        f"-Xmx{runtime.driver_memory}",
        *runtime.launcher_flags,
        *flags,
        *_QUIET_FLAGS,
        *archive,
        *java_options,
    ]


def build_spark_arguments(
    runtime: SparkRuntime,
    arguments: Sequence[str],
    *,
    java_options: Sequence[str] = (),
    class_path: Sequence[str] = (),
) -> list[str]:
    """Build the command line of a run.

    Args:
        runtime: the Spark that runs.
        arguments: spark-submit's arguments without master, deploy mode, cores and memory: those are the
            runtime's.
        java_options: what the run asks of its driver's JVM (``spark.driver.extraJavaOptions``).
        class_path: what the run adds to its driver's class path.
    """
    return [
        *build_java_arguments(runtime, java_options=java_options, class_path=class_path),
        _SUBMIT_CLASS,
        "--master",
        f"local[{runtime.cores}]",
        *arguments,
    ]


def prepare(cache: Path, *, train: bool = True) -> SparkRuntime:
    """Fetch the jars and train the archive, each once, with one line of progress for each.

    Raises:
        JavaNotFoundError, SparkNotFoundError, JarsNotFoundError: what could not be had, and how to get it.
    """
    from sparkdrop_local.spark_archive import train_archive  # that module builds on this one

    jdk = require_jdk()
    home = spark_home()
    with lock_cache(cache):
        if not marker_of(cache).exists():
            sys.stderr.write(f"Spark's S3A jars: fetching them into {cache} (11 MB, once)\n")
            fetch_jars(cache, jdk, home)
        runtime = find_runtime(cache)
        if not train or runtime.archive is not None:
            return runtime
        sys.stderr.write("Spark's class-data archive: training it, for quick starts (about 40 s, once)\n")
        return train_archive(runtime, cache)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the local Spark: fetch its S3A jars and train its class-data archive, both once."""
    parser = argparse.ArgumentParser(prog="python -m sparkdrop_local.spark", description=main.__doc__)
    parser.add_argument("--no-archive", action="store_true", help="fetch the jars only")
    arguments = parser.parse_args(argv)
    try:
        runtime = prepare(cache_dir(), train=not arguments.no_archive)
    except (JavaNotFoundError, SparkNotFoundError, JarsNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{runtime.jars_dir}\n")
    return 0


def _scala_version(home: Path) -> str:
    """Read Scala's version from the name of Spark's core jar."""
    for jar in (home / "jars").glob("spark-core_*.jar"):
        return jar.name.removeprefix("spark-core_").split("-", 1)[0]
    raise SparkNotFoundError(f"there is no spark-core jar in {home / 'jars'}: reinstall PySpark")


if __name__ == "__main__":
    raise SystemExit(main())

"""A Spark whose ``java`` is a script: what a job run is asked to run, it runs by bash, in milliseconds."""

from pathlib import Path

from sparkdrop_local.java import Jdk
from sparkdrop_local.spark import SparkRuntime

# spark-submit's own arguments end at the program, which a test uploads as a .sh
_JAVA = """#!/bin/bash
while [ $# -gt 0 ]; do
  case "$1" in *.sh) exec bash "$@" ;; esac
  shift
done
echo 'Exception in thread "main" java.lang.IllegalArgumentException: no program' >&2
exit 101
"""


def make_fake_spark(folder: Path) -> SparkRuntime:
    """Make one in a folder that is there."""
    java = folder / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(_JAVA)
    java.chmod(0o755)
    jars = folder / "spark" / "jars"
    jars.mkdir(parents=True)
    (jars / "spark-core_2.13-4.0.2.jar").touch()
    return SparkRuntime(jdk=Jdk(folder / "jdk", "17"), home=folder / "spark", jars_dir=jars)

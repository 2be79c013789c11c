"""What a Spark program imports beside Spark and Python, on EMR's nodes: an archive, and the settings for it.

The archive lies in the artifacts bucket, once for each kind of processor, under a name that never gets other
content. Spark unpacks it beside the driver and every executor and finds it on Python's path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ARM, INTEL = "aarch64", "x86_64"
PLATFORMS = (ARM, INTEL)
"""What EMR's nodes are: Graviton (m7g, the default), and Intel or AMD."""
PLATFORM_PLACE = "{platform}"
"""Stands in an archive's URI for one of them."""
PYTHON = "python3.11"
"""The interpreter that the archive's machine code is for.

Every release from emr-7.1.0 on has it, beside others, and which of them is the default changes:
https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-app-versions-7.x.html,
https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark800-release.html
"""
PREFIX = "dependencies/"  # in the artifacts bucket
HASH_CHARACTERS = 20
FOLDER = "dependencies"  # where Spark unpacks the archive, in the working directory of driver and executors

_ARCHIVES = "spark.archives"
_PYTHON = "spark.pyspark.python"
# Who names an interpreter himself keeps it: a setting would win over these
_OTHER_PYTHONS = (_PYTHON, "spark.pyspark.driver.python", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
_PATH = ".PYTHONPATH"


def locate_dependencies(bucket: str, digest: str) -> str:
    """Say where the archives lie, for both platforms in one: the URI has ``{platform}`` in it.

    Args:
        bucket: The artifacts bucket.
        digest: What the archives are named by.
    """
    return f"s3://{bucket}/{PREFIX}{PLATFORM_PLACE}/{name_archive(digest)}"


def name_archive(digest: str) -> str:
    """Name an archive of what was packed by these requirements."""
    return f"dependencies-{digest}.tar.gz"


def choose_archive(dependencies: str, platform: str) -> str:
    """Choose the archive of one platform; a URI without ``{platform}`` is that of all."""
    return dependencies.replace(PLATFORM_PLACE, platform)


def describe_settings(archive: str) -> dict[str, str]:
    """Say which Spark settings put an archive on the path of every Python of a job, and which Python that is.

    ``spark.yarn.appMasterEnv`` is the driver's environment on a cluster, the other EMR Serverless's:
    https://spark.apache.org/docs/latest/running-on-yarn.html#spark-properties,
    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/using-python-libraries.html

    Args:
        archive: Its URI, ``s3://…/dependencies-<hash>.tar.gz``.
    """
    return {
        _ARCHIVES: f"{archive}#{FOLDER}",
        _PYTHON: PYTHON,
        f"spark.executorEnv{_PATH}": f"./{FOLDER}",
        f"spark.yarn.appMasterEnv{_PATH}": f"./{FOLDER}",
        f"spark.emr-serverless.driverEnv{_PATH}": f"./{FOLDER}",
    }


def add_dependencies(spark: Mapping[str, str], archive: str) -> dict[str, str]:
    """Add an archive to a job's Spark settings; what the job says itself stays, and comes first.

    Args:
        spark: The job's settings.
        archive: The archive's URI.
    """
    ours = describe_settings(archive)
    if any(name.endswith(_OTHER_PYTHONS) for name in spark):
        del ours[_PYTHON]
    joined = {
        name: f"{spark[name]}{',' if name == _ARCHIVES else ':'}{value}" if spark.get(name) else value
        for name, value in ours.items()
    }
    return {**spark, **joined}

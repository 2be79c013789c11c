"""What Spark programs import beside Spark and Python, as an archive: the way without an image.

``python -m infra.packaging.spark_dependencies --output DIR`` packs include/spark_jobs/requirements.txt for
EMR's machines, on any machine and without Docker: wheels only. It prints the lines that a pipeline's
``job.spark`` needs then. The archive's name holds the hash of its content, so that a running job never sees
it change.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from sparkdrop.core.errors import SparkdropError

REQUIREMENTS = Path(__file__).parents[2] / "include" / "spark_jobs" / "requirements.txt"
# What EMR's nodes are: Graviton (m7g, the defaults) and Intel or AMD
PLATFORMS = ("aarch64", "x86_64")
# The oldest that emr-spark-8.0.0 has: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-spark800-release.html
PYTHON_VERSION = "3.11"
# Amazon Linux 2023 has a newer glibc than these wheels ask for
GLIBC = "manylinux_2_28"
PREFIX = "dependencies/"  # in the artifacts bucket
FOLDER = "dependencies"  # where Spark unpacks the archive, in the working directory of driver and executors
_HASH_CHARACTERS = 20
# Commands and lists of what was installed: they hold this machine's paths, and no program imports them
_LEFT_OUT = ("bin", ".lock")
_LEFT_OUT_OF_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


class DependenciesError(SparkdropError):
    """The requirements cannot be packed."""


def build_dependencies(requirements: Path, output: Path, platform: str) -> Path | None:
    """Pack the requirements for EMR; the same requirements give the same bytes.

    Args:
        requirements: A requirements file; each line should pin its version.
        output: Folder for the archive; made where it is missing.
        platform: One of ``PLATFORMS``.

    Returns:
        The archive ``dependencies-<hash>.tar.gz``; None where nothing is required.

    Raises:
        DependenciesError: There is no such file or platform, or no wheel for a requirement.
    """
    if platform not in PLATFORMS:
        raise DependenciesError(f"no platform {platform!r}: EMR's nodes are {' or '.join(PLATFORMS)}")
    if not _requires_something(requirements):
        return None
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / FOLDER
        _install(requirements, target, platform)
        content = _pack(target)
    output.mkdir(parents=True, exist_ok=True)
    # named by what is in it: another version of zlib writes other bytes around the same files
    archive = output / f"dependencies-{hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]}.tar.gz"
    archive.write_bytes(gzip.compress(content, mtime=0))
    return archive


def describe_settings(archive: str) -> dict[str, str]:
    """Say which Spark settings put an archive on the path of every Python of a job.

    ``spark.yarn.appMasterEnv`` is the driver's environment on a cluster, the other EMR Serverless's:
    https://spark.apache.org/docs/latest/running-on-yarn.html#spark-properties,
    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/using-python-libraries.html

    Args:
        archive: Its URI, ``s3://…/dependencies-<hash>.tar.gz``.
    """
    return {
        "spark.archives": f"{archive}#{FOLDER}",
        "spark.executorEnv.PYTHONPATH": f"./{FOLDER}",
        "spark.yarn.appMasterEnv.PYTHONPATH": f"./{FOLDER}",
        "spark.emr-serverless.driverEnv.PYTHONPATH": f"./{FOLDER}",
    }


def main(arguments: list[str] | None = None) -> int:
    """Pack, and print where the archive goes and what names it; 1 and one line where that fails."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.packaging.spark_dependencies",
        description="Pack what Spark programs import for EMR, without Docker.",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the archive")
    parser.add_argument("--platform", choices=PLATFORMS, default=PLATFORMS[0], help="the nodes' processor")
    parser.add_argument("--requirements", type=Path, default=REQUIREMENTS, help="another requirements file")
    options = parser.parse_args(arguments)
    try:
        archive = build_dependencies(options.requirements, options.output, options.platform)
    except DependenciesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if archive is None:
        sys.stdout.write(f"{options.requirements} requires nothing: there is nothing to pack\n")
        return 0
    place = f"s3://ARTIFACTS_BUCKET/{PREFIX}{archive.name}"
    lines = [f"    {name}: {value!r}" for name, value in describe_settings(place).items()]
    sys.stdout.write(
        f"{archive}\ncopy it: aws s3 cp {archive} {place}\nthen, in a pipeline file:\n"
        + "\n".join(["job:", "  spark:", *lines])
        + "\n"
    )
    return 0


def _requires_something(requirements: Path) -> bool:
    try:
        text = requirements.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DependenciesError(f"{requirements}: no such file") from None
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _install(requirements: Path, target: Path, platform: str) -> None:
    # beside this Python, as the project installs it
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise DependenciesError("no command uv: `make` installs it into .venv")
    done = subprocess.run(
        [
            *(uv, "pip", "install", "--quiet", "--target", str(target)),
            *("--python-version", PYTHON_VERSION, "--python-platform", f"{platform}-{GLIBC}"),
            *("--only-binary", ":all:", "--requirement", str(requirements)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DependenciesError(f"{requirements}: uv finds no wheels for {platform}:\n{done.stderr.strip()}")


def _pack(folder: Path) -> bytes:
    """Make a tar whose bytes depend on nothing but the files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder)
            if name.parts[0] in _LEFT_OUT or _is_record(name):
                continue
            entry = tarfile.TarInfo(name.as_posix())
            entry.size = file.stat().st_size
            entry.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
            with file.open("rb") as content:
                archive.addfile(entry, content)
    return packed.getvalue()


def _is_record(name: Path) -> bool:
    return name.parent.suffix == ".dist-info" and name.name in _LEFT_OUT_OF_METADATA


if __name__ == "__main__":
    sys.exit(main())

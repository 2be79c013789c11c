"""What Spark programs import beside Spark and Python, as an archive: the way without an image.

``python -m infra.packaging.spark_dependencies --output DIR`` packs include/spark_jobs/requirements.txt for
EMR's machines, on any machine and without Docker: wheels only. ``make deploy`` does the same for both kinds
of processor. An archive is named by the hash of what it is made by: a running job never sees it change.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop.core.spark_dependencies import (
    FOLDER,
    HASH_CHARACTERS,
    PLATFORMS,
    PREFIX,
    PYTHON,
    describe_settings,
    name_archive,
)

REQUIREMENTS = Path(__file__).parents[2] / "include" / "spark_jobs" / "requirements.txt"
PYTHON_VERSION = PYTHON.removeprefix("python")
# Amazon Linux 2023 has a newer glibc than these wheels ask for
GLIBC = "manylinux_2_28"
# Commands and lists of what was installed: they hold this machine's paths, and no program imports them
_LEFT_OUT = ("bin", ".lock")
_LEFT_OUT_OF_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
# Files that no program of a job imports, by patterns whose * takes slashes too
_LEFT_OUT_FILES = (
    # copies of libraries by names for compilers; the loader asks for libarrow….so.<one number>
    "pyarrow/libarrow*.so",
    "pyarrow/libarrow*.so.*.*.*",
    # Arrow's RPC, for talking to a server of Arrow's; and its S3, which programs read with boto3 or Spark
    "pyarrow/*flight*",
    "pyarrow/libarrow_s3.*",
    "pyarrow/_s3fs.*",
    # for compiling against the libraries, and what was compiled
    "pyarrow/include/*",
    "pyarrow/src/*",
    "lxml/includes/*",
    "*.pxd",
    "*.pxi",
    "*.pyx",
    # the libraries' tests of themselves
    "pyarrow/tests/*",
    "pyarrow/_pyarrow_cpp_tests.*",
    "numpy/tests/*",
    "numpy/*/tests/*",
)
_LEVEL = 6  # of compression: 9 takes three times as long, and half a hundredth less room


class DependenciesError(SparkdropError):
    """The requirements cannot be packed."""


def build_dependencies(requirements: Path, output: Path, platform: str) -> Path | None:
    """Pack the requirements for EMR; requirements that pin all that they bring give the same bytes each time.

    Args:
        requirements: A requirements file; each line should pin its version.
        output: Folder for the archive; made where it is missing.
        platform: One of ``PLATFORMS``.

    Returns:
        The archive, as :func:`hash_requirements` names it; None where nothing is required.

    Raises:
        DependenciesError: There is no such file or platform, or no wheel for a requirement.
    """
    if platform not in PLATFORMS:
        raise DependenciesError(f"no platform {platform!r}: EMR's nodes are {' or '.join(PLATFORMS)}")
    digest = hash_requirements(requirements)
    if digest is None:
        return None
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / FOLDER
        _install(requirements, target, platform)
        content = _pack(target)
    output.mkdir(parents=True, exist_ok=True)
    archive = output / name_archive(digest)
    archive.write_bytes(gzip.compress(content, _LEVEL, mtime=0))
    return archive


def hash_requirements(requirements: Path) -> str | None:
    """Hash what archives are made by, for both platforms: the requirements, and the rules of packing.

    Returns:
        The hash, shortened; None where nothing is required.

    Raises:
        DependenciesError: There is no such file.
    """
    try:
        text = requirements.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DependenciesError(f"{requirements}: no such file") from None
    lines = [line.strip() for line in text.splitlines()]
    asked = [line for line in lines if line and not line.startswith("#")]
    if not asked:
        return None
    rules = [PYTHON_VERSION, GLIBC, _LEFT_OUT, _LEFT_OUT_OF_METADATA, _LEFT_OUT_FILES]
    return hashlib.sha256(json.dumps([asked, rules]).encode()).hexdigest()[:HASH_CHARACTERS]


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
    place = f"s3://ARTIFACTS_BUCKET/{PREFIX}{options.platform}/{archive.name}"
    lines = [f"    {name}: {value!r}" for name, value in describe_settings(place).items()]
    sys.stdout.write(
        f"{archive}\ncopy it: aws s3 cp {archive} {place}\nthen, in a pipeline file:\n"
        + "\n".join(["job:", "  spark:", *lines])
        + "\n"
    )
    return 0


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
            if _is_left_out(name):
                continue
            entry = tarfile.TarInfo(name.as_posix())
            entry.size = file.stat().st_size
            entry.mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
            with file.open("rb") as content:
                archive.addfile(entry, content)
    return packed.getvalue()


def _is_left_out(name: Path) -> bool:
    if name.parts[0] in _LEFT_OUT:
        return True
    if name.parent.suffix == ".dist-info":
        return name.name in _LEFT_OUT_OF_METADATA
    return any(fnmatchcase(name.as_posix(), pattern) for pattern in _LEFT_OUT_FILES)


if __name__ == "__main__":
    sys.exit(main())

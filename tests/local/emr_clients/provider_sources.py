"""The system tests of Airflow's amazon provider, from the sources of the version that is installed.

They are in the source distribution only, whose hash `requirements.txt` knows: pip fetches it once, from
wherever it is told to look, and two DAGs with what they import are unpacked into `.cache`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = REPOSITORY / ".cache" / "provider-tests"
PACKAGE = "system.amazon.aws"
"""Where the DAGs are among the sources."""
_DISTRIBUTION = "apache-airflow-providers-amazon"
_WANTED = re.compile(
    r"[^/]+/tests/(system/__init__|system/amazon/__init__|system/amazon/aws/__init__|"
    r"system/amazon/aws/utils/[^/]+|system/amazon/aws/example_emr|system/amazon/aws/example_emr_serverless)\.py"
)


class SourcesError(Exception):
    """The provider's sources are not to be had."""


def load_sources() -> Path:
    """Give the folder that goes on a path for `system.amazon.aws` to be found; fetch it where it is missing.

    Raises:
        SourcesError: pip did not get them.
    """
    target = CACHE / version(_DISTRIBUTION)
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            _unpack(_fetch(Path(work)), Path(work) / "unpacked")
            try:
                (Path(work) / "unpacked").replace(target)
            except OSError:
                # another process was first
                if not target.exists():
                    raise
    return target


def find_requirement(requirements: str) -> str:
    """Find the provider's lines in a requirements file: its version and the hashes of its files."""
    found = re.search(rf"^{_DISTRIBUTION}==\S+(?: \\\n +--hash=\S+)+", requirements, re.MULTILINE)
    if found is None:
        raise SourcesError(f"requirements.txt does not name {_DISTRIBUTION} with hashes")
    return found[0]


def _fetch(folder: Path) -> Path:
    asked = folder / "requirements.txt"
    asked.write_text(find_requirement((REPOSITORY / "requirements.txt").read_text()) + "\n")
    options = ["--no-deps", "--no-binary", _DISTRIBUTION, "--require-hashes", "--requirement", str(asked)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(folder)],
        env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    archives = list(folder.glob("*.tar.gz"))
    if done.returncode != 0 or len(archives) != 1:
        raise SourcesError(f"pip did not get the sources of {_DISTRIBUTION}:\n{done.stdout}{done.stderr}")
    return archives[0]


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as files:
        for member in files:
            if member.isfile() and _WANTED.fullmatch(member.name):
                place = target / member.name.split("/tests/", 1)[1]
                place.parent.mkdir(parents=True, exist_ok=True)
                source = files.extractfile(member)
                assert source is not None  # it is a file
                with source, place.open("wb") as written:
                    shutil.copyfileobj(source, written)

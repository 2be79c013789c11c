"""What a function carries: its handler, the parts of sparkdrop that it imports, and its locked dependencies.

Packed by uv, for Lambda's processor and Python, without Docker; the same sources give the same files, whose
content is what CDK names the asset by. A package that was packed once is taken from the cache, without any
network.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REPOSITORY = Path(__file__).parents[2]
_PLUGINS = _REPOSITORY / "plugins"
CACHE = _REPOSITORY / ".cache" / "lambda"
_PARSING = threading.Lock()
_FORMAT = "1"
"""One more whenever the same inputs shall give another package."""

# what a wheel leaves beside its code that nothing reads at run time; METADATA and licences stay
_NOT_NEEDED = ("INSTALLER", "RECORD", "REQUESTED", "WHEEL", "direct_url.json", "uv_cache.json", "sboms")


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is for.

    Attributes:
        platform: As uv's ``--python-platform`` calls it.
        python: Its version, as ``3.13``.
    """

    platform: str = "aarch64-manylinux_2_28"
    python: str = "3.13"


LAMBDA = Target()
"""Python 3.13 on arm64, whose Amazon Linux 2023 has glibc 2.34.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""


def build_package(handler: Path, requirements: Path, *, target: Target = LAMBDA, cache: Path = CACHE) -> Path:
    """Build a function's package, or find the one that was built of the same sources.

    Args:
        handler: The folder of its handler; the package holds it by its name.
        requirements: The lock of its dependencies.
        target: What it is for.
        cache: Where packages are kept.

    Returns:
        The package's folder.

    Raises:
        ToolError: uv could not install the dependencies.
    """
    sources = {f"{handler.name}/{path.name}": path for path in sorted(handler.glob("*.py"))}
    sources |= {path.relative_to(_PLUGINS).as_posix(): path for path in find_modules(sources.values())}
    folder = cache / _hash_inputs(sources, requirements, target)
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as scratch:
        built = Path(scratch, "package")
        _install(requirements, built, target)
        _clean(built)
        for name, source in sources.items():
            (built / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, built / name)
        try:
            built.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, with the same content
                raise
    return folder


def find_modules(roots: Iterable[Path]) -> list[Path]:
    """Find every file of sparkdrop that these files import, by whatever way, types aside."""
    found: set[Path] = set()
    waiting = list(roots)
    while waiting:
        for path in _list_imports(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting.append(path)
    return sorted(found)


def _list_imports(file: Path) -> Iterator[Path]:
    text = file.read_text(encoding="utf-8")
    # CPython 3.11 counts the depth of trees for all threads together, and fails where two make one at a time:
    # https://github.com/python/cpython/issues/106905
    with _PARSING:
        tree = ast.parse(text)
    for name in _list_names(tree):
        parts = name.split(".")
        if parts[0] != "sparkdrop":
            continue
        for length in range(1, len(parts) + 1):
            place = _PLUGINS.joinpath(*parts[:length])
            candidates = (place / "__init__.py", place.with_suffix(".py"))
            yield from (path for path in candidates if path.is_file())


def _list_names(node: ast.AST) -> Iterator[str]:
    """Name every module that a file imports; `from a import b` may mean the module a.b."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _list_names(child)


def _hash_inputs(sources: Mapping[str, Path], requirements: Path, target: Target) -> str:
    digest = hashlib.sha256(f"{_FORMAT}\0{target.platform}\0{target.python}\0".encode())
    for name, path in sorted({**sources, "requirements.txt": requirements}.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:32]


def _install(requirements: Path, folder: Path, target: Target) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--python-platform", target.platform, "--python-version", target.python]
    command += ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy"]
    command += ["--requirement", str(requirements)]
    done = subprocess.run(command, env=_build_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(
            f"uv cannot install {requirements}, which a first synthesis takes from PyPI and a later one from "
            f"the cache {CACHE}: {' '.join(done.stderr.split())}"
        )


def _build_environment() -> dict[str, str]:
    """Hand on what pip is told of its index and certificates: uv does not read pip's settings."""
    environment = dict(os.environ)
    for theirs, ours in (("PIP_CERT", "SSL_CERT_FILE"), ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")):
        if environment.get(theirs):
            environment.setdefault(ours, environment[theirs])
    return environment


def _clean(folder: Path) -> None:
    """Remove what a function does not need, and what would differ from one build to the next."""
    for path in sorted(folder.rglob("*"), reverse=True):
        is_extra = path.parent.suffix == ".dist-info" and path.name in _NOT_NEEDED
        is_top = path.parent == folder and path.name in {"bin", ".lock"}
        if is_extra or is_top or path.name in {"__pycache__", "tests"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

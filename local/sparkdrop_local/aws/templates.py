"""The CDK app's templates, synthesized once per content of what they are made of.

A synthesis takes some 10 seconds, most of it Node's, and the same sources always give the same templates:
they are kept in ``.cache/templates`` under the hash of everything that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sparkdrop_local.aws.errors import EmulationError

# The libraries that shape a template.
LIBRARIES = ("aws-cdk-lib", "cdk-nag", "constructs", "jsii", "pydantic")
# What a template and its assets are made of, from the repository's root: the app, the code that it shares
# with the pipelines and packs for Lambda, and the files that it reads.
SOURCES = (
    "infra",
    "plugins/sparkdrop/aws",
    "plugins/sparkdrop/configs.py",
    "plugins/sparkdrop/core",
    "include/emr_configs",
    "include/spark_jobs/requirements.txt",
)
_NO_SOURCES = frozenset({"__pycache__", "node_modules"})
# Of the assemblies in the cache: one a branch or two that someone goes back and forth between.
_KEPT = 4
SYNTHESIS_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """One stack of the CDK app.

    Attributes:
        name: The stack's name in CloudFormation.
        body: The template.
        id: What the CDK app calls the stack.
        dependencies: Ids of the stacks that come before it.
        tags: The stack's own.
    """

    name: str
    body: dict[str, Any]
    id: str
    dependencies: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


def find_repository() -> Path:
    """The folder that holds ``infra/``.

    Raises:
        EmulationError: The package ``infra`` is not importable.
    """
    spec = find_spec("infra")
    if spec is None or spec.origin is None:
        raise EmulationError("the package infra is not importable: install this repository with `make setup`")
    return Path(spec.origin).parent.parent


def load_templates(stage: str = "dev", *, cache: Path | None = None) -> list[StackTemplate]:
    """Read the stage's templates, in the order in which the stacks can be created.

    Args:
        stage: Stem of a settings file of ``infra/settings``.
        cache: Where templates are kept; None takes ``.cache/templates`` of the repository.

    Raises:
        EmulationError: The app could not be synthesized; holds its last lines.
    """
    repository = find_repository()
    folder = (cache or repository / ".cache" / "templates") / hash_sources(repository, stage)
    if not (folder / "manifest.json").is_file():
        _synthesize(repository, stage, folder)
    return read_assembly(folder)


def hash_sources(repository: Path, stage: str) -> str:
    """Hash all that the templates depend on: sources, settings, libraries, the stage."""
    digest = hashlib.sha256(stage.encode())
    for library in LIBRARIES:
        digest.update(f"\0{library}=={version(library)}".encode())
    for source in SOURCES:
        for file in _list_files(repository / source):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"\0{file.relative_to(repository).as_posix()}={content}".encode())
    return digest.hexdigest()[:20]


def _list_files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source] if source.is_file() else []
    found: list[Path] = []
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in _NO_SOURCES]  # not walked into
        found += [Path(folder, name) for name in files]
    return sorted(found)


def read_assembly(folder: Path) -> list[StackTemplate]:
    """Read the stacks of a cloud assembly, each after those that it depends on."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    stacks = {
        name: artifact
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    graph = {name: set(artifact.get("dependencies", ())) & set(stacks) for name, artifact in stacks.items()}
    return [
        StackTemplate(
            name=stacks[name]["properties"].get("stackName", name),
            body=json.loads((folder / stacks[name]["properties"]["templateFile"]).read_bytes()),
            id=name,
            dependencies=tuple(sorted(graph[name])),
            tags=stacks[name]["properties"].get("tags", {}),
        )
        for name in TopologicalSorter(graph).static_order()
    ]


def _synthesize(repository: Path, stage: str, folder: Path) -> None:
    """Write the templates in one move, so that a start that was cut off leaves no half of them."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infra.app", "--stage", stage, "--output", str(draft)],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
            timeout=SYNTHESIS_TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
            raise EmulationError(f"python -m infra.app --stage {stage} ended with {done.returncode}:\n{tail}")
        if folder.exists():  # another start was faster
            return
        draft.rename(folder)
        _forget_old(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _forget_old(cache: Path) -> None:
    """Keep the newest assemblies: each holds its Lambda packages, too."""
    assemblies = [found for found in cache.iterdir() if not found.name.startswith(".")]
    for old in sorted(assemblies, key=lambda found: found.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)

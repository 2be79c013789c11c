"""The CDK app's templates, synthesized once per content of ``infra/``.

A synthesis takes about 7 seconds, most of it Node's, and the same sources always give the same templates:
they are kept in ``.cache/templates`` under the hash of everything that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from graphlib import TopologicalSorter
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sparkdrop_local.aws.errors import EmulationError

# The libraries that shape a template.
LIBRARIES = ("aws-cdk-lib", "cdk-nag", "constructs", "jsii", "pydantic")
SYNTHESIS_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class StackTemplate:
    """One stack of the CDK app.

    Attributes:
        name: The stack's name in CloudFormation.
        body: The template.
    """

    name: str
    body: dict[str, Any]


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
    folder = (cache or repository / ".cache" / "templates") / hash_sources(repository / "infra", stage)
    if not (folder / "manifest.json").is_file():
        _synthesize(repository, stage, folder)
    return read_assembly(folder)


def hash_sources(infra: Path, stage: str) -> str:
    """Hash all that the templates depend on: sources, settings, libraries, the stage."""
    digest = hashlib.sha256(stage.encode())
    for library in LIBRARIES:
        digest.update(f"\0{library}=={version(library)}".encode())
    for file in sorted(infra.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"\0{file.relative_to(infra).as_posix()}={content}".encode())
    return digest.hexdigest()[:20]


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
    finally:
        shutil.rmtree(draft, ignore_errors=True)

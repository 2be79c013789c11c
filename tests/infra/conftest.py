"""One synthesis for a session: the templates as plain JSON, without Node in the tests' process.

The stages are the two that ship and those of ``settings/`` beside this file, which turn on what the others
leave off.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
TEST_SETTINGS = Path(__file__).parent / "settings"
STAGES = ("dev", "prod", "full", "existing")

# Several stages in one process, because Node's start is what costs.
SYNTHESIS = """
import sys
from pathlib import Path
from infra.app import build_app

output, *folders = map(Path, sys.argv[1:])
for file in folders:
    build_app(stage=file.stem, settings_dir=file.parent, output=output / file.stem).synth()
"""


@dataclass(frozen=True, slots=True)
class Template:
    body: dict[str, Any]

    def find(self, resource_type: str, id_part: str = "") -> dict[str, Any]:
        """The one resource of this type whose logical id holds ``id_part``."""
        found = [
            resource
            for logical_id, resource in self.body["Resources"].items()
            if resource["Type"] == resource_type and id_part in logical_id
        ]
        assert len(found) == 1, f"{len(found)} of {resource_type} {id_part}"
        return found[0]

    def properties(self, resource_type: str, id_part: str = "") -> dict[str, Any]:
        properties: dict[str, Any] = self.find(resource_type, id_part)["Properties"]
        return properties

    def all(self, resource_type: str) -> dict[str, dict[str, Any]]:
        return {
            logical_id: resource
            for logical_id, resource in self.body["Resources"].items()
            if resource["Type"] == resource_type
        }


StartPython = Callable[..., "subprocess.Popen[str]"]
LoadTemplate = Callable[..., Template]


def run_python(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    # no credentials, no proxy to anywhere, and no Node but the wheel's
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    inherited["PATH"] = "/nonexistent"
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=REPOSITORY,
        env={**inherited, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def start_python() -> StartPython:
    return run_python


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """All stages, and ``dev`` once more from another process with another hash seed."""
    folders = (tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second"))
    shipped = [REPOSITORY / "infra" / "settings" / f"{stage}.yaml" for stage in STAGES[:2]]
    others = [TEST_SETTINGS / f"{stage}.yaml" for stage in STAGES[2:]]
    processes = [
        run_python("-c", SYNTHESIS, str(folders[0]), *map(str, (*shipped, *others)), PYTHONHASHSEED="1"),
        run_python(
            "-P", "-m", "infra.app", "--stage", "dev", "--output", str(folders[1]), PYTHONHASHSEED="2"
        ),
    ]
    for process in processes:
        output, _ = process.communicate(timeout=240)
        assert (process.returncode, output) == (0, "")
    return folders[0], folders[1]


@pytest.fixture(scope="session")
def load_template(assemblies: tuple[Path, Path]) -> LoadTemplate:
    """Read a stack's template: ``load_template("S3Stack")``, ``load_template("S3Stack", "full")``."""

    def load(stack_id: str, stage: str = "dev") -> Template:
        file = assemblies[0] / stage / f"{stack_id}.template.json"
        return Template(json.loads(file.read_bytes()))

    return load

"""One synthesis for a session: the templates as plain JSON, without Node in the tests' process."""

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


def run_python(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    # no credentials, no proxy to anywhere, and no Node but the wheel's
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    inherited["PATH"] = "/nonexistent"
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=REPOSITORY,
        env={**inherited, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def start_python() -> StartPython:
    return run_python


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same stage, synthesized twice in different processes, with different hash seeds."""
    folders = (tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second"))
    processes = [
        run_python("-m", "infra.app", "--stage", "dev", "--output", str(folder), PYTHONHASHSEED=seed)
        for folder, seed in zip(folders, ("1", "2"), strict=True)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert (process.returncode, output) == (0, "")
    return folders


@pytest.fixture(scope="session")
def buckets(assemblies: tuple[Path, Path]) -> Template:
    return Template(json.loads((assemblies[0] / "S3Stack.template.json").read_bytes()))


@pytest.fixture(scope="session")
def events(assemblies: tuple[Path, Path]) -> Template:
    return Template(json.loads((assemblies[0] / "EventsStack.template.json").read_bytes()))

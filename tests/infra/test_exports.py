"""Settings change while stacks are deployed: what one of them imports has to stay exported."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.settings.model import SETTINGS_DIR
from tests.infra.iam.templates import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartPython

# One process for all, because Node's start is what costs.
SYNTHESIS = """
import sys
from pathlib import Path
from infra.app import build_app
for folder in map(Path, sys.argv[1:]):
    build_app(stage="dev", settings_dir=folder, output=folder / "out").synth()
"""
IMPORT = re.compile(r'\{"Fn::ImportValue": "([^"]+)"\}')
DOMAIN = {
    "name": "api.data.example.com",
    "certificate_arn": "arn:aws:acm:eu-west-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef",
}
# What each change leaves deployed that the app no longer has
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a name for the API": ({"api": {"authorizer": "cognito", "domain": DOMAIN}}, set()),
    "no page, no cluster": (
        {"web": {"enabled": False}, "emr": {"development_cluster": False}},
        {"WebStack", "EMRStack"},
    ),
    "no users": ({"web": {"enabled": False}, "api": {"authorizer": "iam"}}, {"WebStack", "UsersStack"}),
}


@pytest.fixture(scope="module")
def deployed(assemblies: tuple[Path, Path]) -> Stage:
    """The stage with all its stacks."""
    return Stage.read(assemblies[0] / "dev")


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory, start_python: StartPython) -> dict[str, Stage]:
    """The same stage after each change of its settings."""
    shipped = yaml.safe_load((SETTINGS_DIR / "dev.yaml").read_text())
    folders = {name: tmp_path_factory.mktemp("changed") for name in CHANGES}
    for name, folder in folders.items():
        (folder / "dev.yaml").write_text(json.dumps({**shipped, **CHANGES[name][0]}))  # JSON is YAML
    process = start_python("-c", SYNTHESIS, *map(str, folders.values()))
    output, _ = process.communicate(timeout=240)
    assert (process.returncode, output) == (0, "")
    return {name: Stage.read(folder / "out") for name, folder in folders.items()}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_deployed_can_still_be_updated(
    deployed: Stage, changed: dict[str, Stage], change: str
) -> None:
    after = changed[change]
    assert deployed.templates.keys() - after.templates.keys() == CHANGES[change][1]
    needed = {
        name: deployed.exports[name]
        for template in deployed.templates.values()
        for name in IMPORT.findall(json.dumps(template))
    }
    assert {"S3Stack", "UsersStack", "ApiStack", "NetworkStack", "EMRRolesStack"} <= {
        stack for stack, _ in needed.values()
    }
    # CloudFormation refuses an update that takes away or changes what another stack imports
    assert {
        name: after.exports.get(name) for name, (stack, _) in needed.items() if stack in after.templates
    } == {name: export for name, export in needed.items() if export[0] in after.templates}

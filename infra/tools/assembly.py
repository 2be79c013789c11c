"""What a synthesis left in its folder: the stacks, read without Node."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from infra.tools.cdk_cli import REPOSITORY
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STACK_TYPE = "aws:cloudformation:stack"
# A cluster that runs costs by the hour: it is deployed only where it is named.
ONLY_WHEN_NAMED = ("EMRStack",)


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesizedStack:
    """One stack of an assembly.

    Attributes:
        id: What the CDK CLI calls it.
        name: What CloudFormation calls it.
        template: Its file.
        dependencies: Ids of the stacks that come before it.
        bootstrap_version: The least version of the stack ``CDKToolkit`` that can deploy it.
    """

    id: str
    name: str
    template: Path
    dependencies: tuple[str, ...]
    bootstrap_version: int

    def count_resources(self) -> int:
        """How many resources its template has."""
        return len(json.loads(self.template.read_bytes()).get("Resources", {}))


def synthesize(stage: str, output: Path, *, destroy_data: str | None = None) -> list[SynthesizedStack]:
    """Run the app in a process of its own, as the CDK CLI does.

    Raises:
        ToolError: It failed: it has said why.
    """
    command = [sys.executable, "-P", "-m", "infra.app", "--stage", stage, "--output", str(output)]
    if destroy_data is not None:
        command += ["--destroy-data", destroy_data]
    if subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=False).returncode:
        raise ToolError(f"stage {stage} cannot be synthesized: see above")
    return read_assembly(output)


def read_assembly(folder: Path) -> list[SynthesizedStack]:
    """Read the stacks of an assembly, in an order in which they can be created.

    Raises:
        ToolError: There is none.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise ToolError(f"nothing is synthesized in {folder}: run `make infra`")
    artifacts = json.loads(manifest.read_bytes())["artifacts"]
    stacks = {name for name, artifact in artifacts.items() if artifact["type"] == STACK_TYPE}
    found = {
        name: SynthesizedStack(
            id=name,
            name=artifacts[name]["properties"]["stackName"],
            template=folder / artifacts[name]["properties"]["templateFile"],
            dependencies=tuple(sorted(stacks.intersection(artifacts[name].get("dependencies", ())))),
            bootstrap_version=artifacts[name]["properties"].get("requiresBootstrapStackVersion", 0),
        )
        for name in sorted(stacks)
    }
    order = TopologicalSorter({name: stack.dependencies for name, stack in found.items()}).static_order()
    return [found[name] for name in order]


def choose_stacks(stacks: Sequence[SynthesizedStack], named: Sequence[str]) -> list[SynthesizedStack]:
    """Choose what to deploy: the named ones, or all but those that only a name brings.

    Raises:
        ToolError: A name is no stack's.
    """
    known = [stack.id for stack in stacks]
    if unknown := [name for name in named if name not in known]:
        raise ToolError(f"no stack is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return [stack for stack in stacks if (stack.id in named if named else stack.id not in ONLY_WHEN_NAMED)]

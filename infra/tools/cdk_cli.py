"""The CDK CLI of ``package-lock.json``, run by the Node of the wheel.

Never ``npx cdk``: npm's newest ``aws-cdk`` is a 3.0.0 that was published by accident and refuses what
aws-cdk-lib 2 writes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import infra  # chooses the Node
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INFRA = Path(infra.__file__).parent
REPOSITORY = INFRA.parent
ASSEMBLY = REPOSITORY / "cdk.out"
HOME = REPOSITORY / ".cache" / "cdk"
CLI = INFRA / "node_modules" / "aws-cdk" / "bin" / "cdk"


def find_node() -> str:
    """The Node that jsii takes, too: the wheel's, or what ``JSII_NODE`` names.

    Raises:
        ToolError: There is none.
    """
    node = os.environ.get("JSII_NODE") or shutil.which("node")
    if node is None:
        raise ToolError("no Node: `make cli` installs one")
    return node


def build_command(arguments: Sequence[str], *, cli: Path = CLI) -> list[str]:
    """The command line of the CDK CLI.

    Raises:
        ToolError: The CLI is not installed.
    """
    if not cli.is_file():
        raise ToolError("the CDK CLI is not installed: run `make cli`")
    return [find_node(), str(cli), *arguments]


def build_environment(base: Mapping[str, str], *, home: Path = HOME) -> dict[str, str]:
    """The CLI's environment: this Python first on the PATH, and nothing asked of anyone but AWS.

    The CLI keeps which account an access key belongs to. Its folder lies in this repository, because the
    local system's account and keys are no one else's business.
    """
    cache = home / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    # `cdk doctor` asks npm for a newer version and recommends the accidental 3.0.0, whatever the
    # environment says, unless this file tells that it did so today
    (cache / "repo-version-ttl").touch()
    return {
        **base,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), base.get("PATH", ""))),
        "CDK_HOME": str(home),
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def become_cli(arguments: Sequence[str]) -> None:
    """Turn this process into the CLI: it gets the terminal, and its exit code is ours.

    Raises:
        ToolError: The CLI is not installed.
    """
    command = build_command(arguments)
    environment = build_environment(os.environ)
    os.chdir(INFRA)
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted


def run_cli(arguments: Sequence[str], *, region: str, assembly: Path = ASSEMBLY) -> None:
    """Run the CLI on what was synthesized before; all that it prints goes to stderr.

    Args:
        arguments: The command and its options.
        region: Where stacks go that name no region.
        assembly: The synthesized folder.

    Raises:
        ToolError: It is not installed, or it failed: it has said why.
    """
    command = build_command([*arguments, "--app", str(assembly)])
    environment = build_environment({**os.environ, "AWS_REGION": region})
    ended = subprocess.run(command, cwd=INFRA, env=environment, stdout=sys.stderr, check=False)
    if ended.returncode:
        raise ToolError(f"`cdk {arguments[0]}` failed: see above")

"""Says what is there to deploy with, a line each, and what to do where something is missing.

It needs no AWS: where no account can be reached it says so, and that is no fault.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import uv
from botocore.exceptions import BotoCoreError, ClientError

from infra.settings.model import PRODUCTION, SETTINGS_DIR, load_settings
from infra.tools.account import explain_failure, reach_account
from infra.tools.cdk_cli import CLI, INFRA, find_node
from infra.tools.errors import ToolError
from sparkdrop.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Which Node jsii takes without a warning: https://nodejs.org/en/about/previous-releases
OLDEST_NODE = 22
# What a stack's template asks for, and the lookups of `cdk diff`.
OLDEST_BOOTSTRAP = 8

State = Literal["ok", "wrong", "none"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check.

    Attributes:
        subject: What was looked at.
        state: "none" is what may be missing: an account, an address for alerts.
        text: What was found, or what to do.
    """

    subject: str
    state: State
    text: str


def examine(stage: str, *, settings_dir: Path = SETTINGS_DIR) -> list[Finding]:
    """Look at all; nothing is changed."""
    checks: dict[str, Callable[[], str]] = {
        "python": _check_python,
        "node": _check_node,
        "cdk": _check_cli,
        "uv": _check_uv,
    }
    findings = [_run(subject, check) for subject, check in checks.items()]
    for file in sorted(settings_dir.glob("*.yaml")):
        findings += _check_settings(file)
    return [*findings, *_check_account(stage, settings_dir)]


def _run(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "ok", check())
    except (ToolError, OSError, subprocess.SubprocessError) as error:
        return Finding(subject, "wrong", str(error))


def _check_python() -> str:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise ToolError(
            f"{platform.python_version()}: 3.11, 3.12 or 3.13 is needed; `make clean`, then again"
        )
    return f"{platform.python_version()} {sys.executable}"


def _check_node() -> str:
    node = find_node()
    version = _ask(node, "--version")
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise ToolError(f"{version} {node}: jsii needs {OLDEST_NODE} or newer; unset JSII_NODE")
    return f"{version} {node}"


def _check_cli() -> str:
    wanted = json.loads((INFRA / "package.json").read_bytes())["devDependencies"]["aws-cdk"]
    package = CLI.parent.parent / "package.json"
    if not package.is_file():
        raise ToolError("the CDK CLI is not installed: run `make cli`")
    found = json.loads(package.read_bytes())["version"]
    if found != wanted:
        raise ToolError(f"{found} is installed, {wanted} is wanted: run `make cli`")
    return f"{found} {CLI}"


def _check_uv() -> str:
    path = uv.find_uv_bin()
    return f"{_ask(path, '--version').removeprefix('uv ')} {path}"


def _ask(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return ended.stdout.strip()


def _check_settings(file: Path) -> list[Finding]:
    subject = f"settings {file.name}"
    try:
        settings = load_settings(file.stem, file.parent)
    except ConfigError as error:
        return [Finding(subject, "wrong", "; ".join(str(problem) for problem in error.problems))]
    found = [Finding(subject, "ok", str(file))]
    if settings.stage.startswith(PRODUCTION) and not settings.alerts.emails:
        alerts = f"nobody hears of an alarm: write an address into alerts.emails of {file}"
        found.append(Finding(f"alerts {file.name}", "none", alerts))
    return found


def _check_account(stage: str, settings_dir: Path) -> list[Finding]:
    try:
        region = load_settings(stage, settings_dir).region
    except ConfigError as error:
        return [Finding("account", "wrong", f"stage {stage}: {error.problems[0]}")]
    try:
        account = reach_account(region)
    except ToolError as error:
        return [Finding("account", "none", f"none is reached: {error}")]
    reached = Finding("account", "ok", f"{account.number} {account.region}, as {account.caller}")
    try:
        version = account.read_bootstrap_version()
    except (BotoCoreError, ClientError) as error:
        return [reached, Finding("bootstrap", "wrong", explain_failure(error))]
    if version is None:
        return [reached, Finding("bootstrap", "none", f"not yet: `make deploy STAGE={stage}` does it")]
    if version < OLDEST_BOOTSTRAP:
        old = f"version {version}, {OLDEST_BOOTSTRAP} is needed: `make cdk ARGS=bootstrap`"
        return [reached, Finding("bootstrap", "wrong", old)]
    return [reached, Finding("bootstrap", "ok", f"version {version}")]

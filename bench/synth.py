"""How long a synthesis of all stacks takes, in a fresh process, beside a CDK app of one bucket."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import Spread, render_table, summarise
from sparkdrop_local.system import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STAGES = ("dev", "prod")
BARE = "bare app: one bucket"
_REPEATS = 5

# what jsii's start, the library's import and the writing of one template cost anyone
_BARE_APP = """
import sys
import infra
import aws_cdk as cdk
from aws_cdk import aws_s3
app = cdk.App(outdir=sys.argv[1], analytics_reporting=False)
aws_s3.Bucket(cdk.Stack(app, "Stack"), "Bucket")
app.synth()
"""


def measure() -> tuple[dict[str, Any], str]:
    """Synthesize in turns: the bare app, then each stage that ships, with all its checks.

    Returns:
        The figures, and the same as a table.
    """
    commands = {BARE: ("-c", _BARE_APP)} | {
        f"stage {stage}": ("-P", "-m", "infra.app", "--stage", stage, "--output") for stage in STAGES
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    sizes: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory(prefix="sparkdrop-bench-") as folder:
        for turn in range(-1, _REPEATS):
            for name, command in commands.items():
                output = Path(folder, f"{name}-{turn}")
                taken = _time([*command, str(output)])
                sizes[name] = count_assembly(output)
                if turn >= 0:  # the first one packs functions and fills the page cache
                    seconds[name].append(taken)
    spreads = {name: summarise(taken) for name, taken in seconds.items()}
    figures = {
        name: {"stacks": sizes[name][0], "resources": sizes[name][1], "seconds": seconds[name]}
        for name in commands
    }
    return {"synth": figures}, render(sizes, spreads)


def _time(arguments: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, check=True, capture_output=True)
    return time.perf_counter() - start


def count_assembly(folder: Path) -> tuple[int, int]:
    """Count the stacks of an assembly, and the resources in their templates."""
    templates = [json.loads(file.read_bytes()) for file in folder.glob("*.template.json")]
    return len(templates), sum(len(template.get("Resources", {})) for template in templates)


def render(sizes: Mapping[str, tuple[int, int]], spreads: Mapping[str, Spread]) -> str:
    """Render what was counted and timed."""
    header = ("fresh process, seconds", "stacks", "resources", "p50", "max")
    rows = [
        (name, *sizes[name], round(spread.p50, 2), round(spread.longest, 2))
        for name, spread in spreads.items()
    ]
    return render_table(header, rows)

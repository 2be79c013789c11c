"""Measures Sparkdrop on this machine: `make bench`, or one bench alone: `make bench ARGS="latency"`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import api, emr, idle, ingest, intake, latency, parse, synth
from bench.conditions import describe_conditions, read_conditions
from bench.figures import replace_block

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

README = Path(__file__).with_name("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and say what came out."""
    benches: dict[str, Callable[[argparse.Namespace], tuple[dict[str, Any], str]]] = {
        "latency": lambda options: latency.measure(options.drops),
        "idle": lambda options: idle.measure(options.seconds),
        "parse": lambda _: parse.measure(),
        "intake": lambda _: intake.measure(),
        "synth": lambda _: synth.measure(),
        "api": lambda _: api.measure(),
        "emr": lambda _: emr.measure(),
        "ingest": lambda options: ingest.measure(options.turns, options.against, large=options.large),
    }
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(benches)}; all when left out")
    parser.add_argument("--drops", type=int, default=10, help="latency: uploads each way (default: 10)")
    parser.add_argument("--seconds", type=float, default=60, help="idle: how long to look (default: 60)")
    parser.add_argument("--turns", type=int, default=5, help="ingest: how often (default: 5)")
    parser.add_argument(
        "--against", metavar="COMMIT", default="4e1944c", help="ingest: the other build (default: 4e1944c)"
    )
    parser.add_argument("--large", action="store_true", help="ingest: a file of 1 GB too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--readme", action="store_true", help="put the tables into bench/README.md")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all is cleared away
    if unknown := [name for name in options.names if name not in benches]:
        parser.error(f"there is no bench {', '.join(unknown)}; there are: {', '.join(benches)}")
    figures: dict[str, Any] = {}
    for name in options.names or benches:
        print(f"{name} ...", flush=True)
        conditions = read_conditions()
        measured, table = benches[name](options)
        figures[name] = {"conditions": conditions, **measured}
        text = f"{describe_conditions(conditions)}\n\n{table}"
        print(f"\n{text}\n", flush=True)
        if options.readme:
            README.write_text(replace_block(README.read_text("utf-8"), name, text), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.faults``: schedules of faults, one after the other, on a local system of their own.

Exit code 1 when a promise was broken. Each schedule's result is a line of the results file; a run that is to
go on says --resume, and one schedule is repeated by its seed: ``--schedules 1 --seed N``.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.api import ApiUser
from tests.e2e.starting import REPOSITORY, start_system
from tests.e2e.system import System
from tests.faults.drawing import draw_schedule
from tests.faults.suite import GOAL_SECONDS, check_schedule, create_onlooker
from tests.faults.table import Record, format_table
from tests.leftovers import guard_this_run

RESULTS = REPOSITORY / ".cache" / "faults" / "results.jsonl"


def main() -> int:
    """Run, print, and say whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--schedules", type=int, default=5, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the next has the next number")
    parser.add_argument("--faults", type=int, default=5, help="how many a schedule has")
    parser.add_argument("--bound", type=float, default=240.0, help="seconds until what has not ended is lost")
    parser.add_argument("--goal", type=float, default=GOAL_SECONDS, help="seconds within which all recovers")
    parser.add_argument("--resume", action="store_true", help="leave out the seeds that have a result")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    options = parser.parse_args()
    guard_this_run()

    options.results.parent.mkdir(parents=True, exist_ok=True)
    if not options.resume:
        options.results.unlink(missing_ok=True)
    records = _load(options.results)
    done = {record.seed for record in records}
    seeds = [seed for seed in range(options.seed, options.seed + options.schedules) if seed not in done]
    while seeds:
        with _start() as (system, user):
            is_usable = True
            while seeds and is_usable:
                schedule = draw_schedule(seeds.pop(0), faults=options.faults)
                record = check_schedule(
                    system, user, schedule, bound_seconds=options.bound, goal_seconds=options.goal
                )
                records.append(record)
                _keep(options.results, record)
                is_usable = record.is_over
    sys.stdout.write(f"\n{format_table(records)}\n")
    return 1 if any(record.findings for record in records) else 0


@contextmanager
def _start() -> Iterator[tuple[System, ApiUser]]:
    home = Path(tempfile.mkdtemp(prefix="sparkdrop-faults-"))
    try:
        with start_system(home) as system:
            yield system, create_onlooker(system)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _load(file: Path) -> list[Record]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [Record.load(json.loads(line)) for line in lines]


def _keep(file: Path, record: Record) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(record.as_json()) + "\n")
    sys.stdout.write(
        f"seed {record.seed}: {record.faults} faults, {record.uploads} uploads, {record.seconds:.0f} s\n"
    )
    sys.stdout.writelines(f"  {finding}\n" for finding in record.findings)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

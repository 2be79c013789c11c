"""What many schedules came to, as records that can be kept, and as a table per kind of fault."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.faults.facts import Facts
from tests.faults.recovery import touches
from tests.faults.running import Outcome
from tests.faults.verdict import Broken, Finding, measure_recovery

_HEAD = ("fault", "count", "missed", *Broken, "median s", "max s")
_TOTAL = "all"


@dataclass(slots=True)
class Line:
    """One kind of fault, in one schedule or in many."""

    count: int = 0
    missed: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def add(self, other: "Line") -> None:
        """Take another one's figures in."""
        self.count += other.count
        self.missed += other.missed
        self.seconds += other.seconds
        for name, number in other.broken.items():
            self.broken[name] = self.broken.get(name, 0) + number


@dataclass(frozen=True, slots=True)
class Record:
    """One schedule's result, which seed and number of faults draw again; `as_json` and `load` keep it."""

    seed: int
    faults: int
    seconds: float
    uploads: int
    findings: list[str]
    lines: dict[str, Line]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it goes on, which the next schedule would have to live with."""
        return not any(finding.startswith((Broken.LOST, Broken.ORPHAN)) for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)

    @classmethod
    def load(cls, data: dict[str, Any]) -> "Record":
        """Take it from plain values."""
        return cls(**{**data, "lines": {name: Line(**line) for name, line in data["lines"].items()}})


def build_record(outcome: Outcome, facts: Facts, findings: Sequence[Finding]) -> Record:
    """Sum up one schedule; what broke while several faults were there counts in the line of each."""
    lines: dict[str, Line] = defaultdict(Line)
    for injured in outcome.injured:
        line = lines[injured.injury.name]
        line.count += injured.struck
        line.missed += not injured.struck
        _count(line, [one for one in findings if touches(injured, one.began, one.ended)])
        for dropped in outcome.dropped:
            seconds = measure_recovery(dropped, outcome, facts)
            if seconds is not None and touches(injured, dropped.at, dropped.ended or dropped.at):
                line.seconds.append(round(seconds, 1))
    total = lines[_TOTAL]
    total.count = sum(one.struck for one in outcome.injured)
    total.missed = len(outcome.injured) - total.count
    _count(total, findings)
    total.seconds = [
        round(seconds, 1)
        for one in outcome.dropped
        if (seconds := measure_recovery(one, outcome, facts)) is not None
        and any(touches(injured, one.at, one.ended or one.at) for injured in outcome.injured)
    ]
    return Record(
        seed=outcome.schedule.seed,
        faults=len(outcome.schedule.injuries),
        seconds=round(outcome.finished - outcome.began, 1),
        uploads=len(outcome.dropped),
        findings=[f"{one.broken}: {one.what}" for one in findings],
        lines=dict(lines),
    )


def format_table(records: Iterable[Record]) -> str:
    """Format the table, the line of all faults last."""
    sums: dict[str, Line] = defaultdict(Line)
    for record in records:
        for name, line in record.lines.items():
            sums[name].add(line)
    names = sorted(sums, key=lambda name: (name == _TOTAL, name))
    rows = [_HEAD, *(_format_line(name, sums[name]) for name in names)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _count(line: Line, findings: Iterable[Finding]) -> None:
    for one in findings:
        line.broken[one.broken.value] = line.broken.get(one.broken.value, 0) + 1


def _format_line(name: str, line: Line) -> tuple[str, ...]:
    times = (f"{median(line.seconds):.1f}", f"{max(line.seconds):.1f}") if line.seconds else ("-", "-")
    broken = [str(line.broken.get(kind.value, 0)) for kind in Broken]
    return (name, str(line.count), str(line.missed), *broken, *times)

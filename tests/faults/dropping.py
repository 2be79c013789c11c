"""Uploads, and the model of what must come out of each."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.drawing import Body, Drop

HEADER = "id,name,amount\n"
NAMES = ("Ada", "Bob", "Cy")
Row = tuple[str, str, int]


class Bucket(Protocol):
    """Where uploads land: `tests.e2e.system.System`, as far as it is needed here."""

    def drop(self, key: str, body: str | bytes) -> str | None:
        """Put an object; the answer is its version."""


@dataclass(slots=True)
class Dropped:
    """An upload that landed, and what is seen of it from outside.

    Attributes:
        drop: what it is.
        seed: of its schedule; its rows are named by it.
        version: its version in S3.
        size: in bytes.
        at: when it had landed, by this machine's clock.
        ended: when an end was first seen; None while there is none.
        state: which end that was.
        is_gone: whether this version was deleted, by somebody who is told of here.
    """

    drop: Drop
    seed: int
    version: str | None
    size: int
    at: float = field(default_factory=time.time)
    ended: float | None = None
    state: str | None = None
    is_gone: bool = False

    @property
    def identity(self) -> tuple[str, str | None]:
        """Key and version, which no two uploads share."""
        return self.drop.key, self.version

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.drop.key} (drop {self.drop.number}, {self.drop.body})"

    @property
    def rows(self) -> frozenset[Row]:
        """What has to be in the output if it succeeds."""
        return frozenset(build_rows(self.seed, self.drop))

    @property
    def allowed(self) -> frozenset[str]:
        """The ends that are no lie: FAILED is one, for a batch may fail that faults go on hitting."""
        if not self.drop.is_routed:
            return frozenset({"UNROUTED"})
        if self.drop.body in {Body.EMPTY, Body.GARBAGE}:
            return frozenset({"QUARANTINED", "FAILED"})
        return frozenset({"SUCCEEDED", "FAILED"} | ({"QUARANTINED"} if self.is_gone else set()))


def build_rows(seed: int, drop: Drop) -> list[Row]:
    """Build the rows of a drop that fit; no other drop has one of them."""
    return [(f"{seed}-{drop.number}-{row}", NAMES[row % len(NAMES)], row) for row in range(drop.rows)]


def build_body(seed: int, drop: Drop) -> str:
    """Build the file: its good rows with the bad ones between them."""
    if drop.body is Body.EMPTY:
        return ""
    lines = [f"{identifier},{name},{amount}\n" for identifier, name, amount in build_rows(seed, drop)]
    for number in range(drop.bad):
        lines.insert(number * 2, f"{seed}-{drop.number}-bad{number},Eve,many\n")
    return HEADER + "".join(lines)


def drop_file(bucket: Bucket, seed: int, drop: Drop) -> Dropped:
    """Put it, and say what landed."""
    body = build_body(seed, drop).encode()
    return Dropped(drop, seed, bucket.drop(drop.key, body), len(body))

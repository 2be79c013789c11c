"""Which pipeline an object belongs to, and which pipelines claim the same objects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sparkdrop.core.patterns import (
    drop_upload_folder,
    find_common_key,
    first_segment,
    is_hidden,
    takes,
    to_regex,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparkdrop.core.pipeline import Pipeline


class _Arrival(Protocol):
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def bucket(self) -> str | None: ...
    @property
    def hidden(self) -> str: ...


class Routed(Protocol):
    """What routing has to know of a pipeline: a pipeline file's, or a catalog's."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def arrival(self) -> _Arrival:
        """What lands for it."""

    @property
    def wait_for(self) -> tuple[str, ...]:
        """Its companions."""


class Overlap(NamedTuple):
    """Two pipelines that claim the same object: whose patterns (by index), and a key that both match."""

    one: Pipeline
    one_at: int
    other: Pipeline
    other_at: int
    key: str


COMPANION = "_companion"
"""What a key routes to that some pipeline waits for: it is no upload, and nobody misses it in a list."""

PASSED_OVER = "_passed_over"
"""What a key routes to that has a hidden folder or name that nobody wrote out: it is no upload either."""

NOBODYS = frozenset({COMPANION, PASSED_OVER})

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class Router:
    """Routes objects to pipelines; built once, then quick for every key.

    Patterns are kept by their first folder, so that a key is tried against few of them.
    """

    def __init__(self, pipelines: Iterable[Routed], uploads_bucket: str) -> None:
        groups: dict[tuple[str, str | None], list[tuple[str, str]]] = {}
        companions: list[str] = []
        self._uploads_bucket = uploads_bucket
        self._pipelines = tuple(pipelines)
        for pipeline in self._pipelines:
            companions += [_companion_regex(key, uploads_bucket) for key in pipeline.wait_for]
            bucket = pipeline.arrival.bucket or uploads_bucket
            for pattern in pipeline.arrival.keys:
                groups.setdefault((bucket, first_segment(pattern)), []).append((pattern, pipeline.name))
        self._companions = re.compile("|".join(companions), re.DOTALL) if companions else None
        self._names: dict[tuple[str, str | None], list[str]] = {}
        self._regexes: dict[tuple[str, str | None], re.Pattern[str]] = {}
        for place, entries in groups.items():
            # one empty group an alternative: its number tells which one matched
            joined = "|".join(f"{to_regex(pattern)}()" for pattern, _ in entries)
            self._regexes[place] = re.compile(f"(?:{joined})", re.DOTALL)
            self._names[place] = [name for _, name in entries]

    def route(self, bucket: str, key: str) -> str | None:
        """Name the pipeline of an object; None where no pattern matches. The key is raw, not URL-encoded.

        An object that no pattern matches and some pipeline waits for is a `COMPANION`; any other of a hidden
        folder or name, for which no pipeline says otherwise, is `PASSED_OVER`.
        """
        hidden = is_hidden(key)
        found = self._find_hidden(bucket, key) if hidden else self.find_owner(bucket, key)
        if found is None and self._companions and self._companions.fullmatch(f"s3://{bucket}/{key}"):
            return COMPANION
        return PASSED_OVER if found is None and hidden else found

    def find_owner(self, bucket: str, key: str) -> str | None:
        """Name the pipeline whose patterns an object matches, be it hidden or not; None where none is."""
        found = self._find(bucket, key)
        if found is None and (shorter := drop_upload_folder(key)) is not None:
            found = self._find(bucket, shorter)
        return found

    def _find_hidden(self, bucket: str, key: str) -> str | None:
        for pipeline in self._pipelines:
            arrival = pipeline.arrival
            is_its_bucket = (arrival.bucket or self._uploads_bucket) == bucket
            if is_its_bucket and takes(arrival.keys, key, hidden=arrival.hidden):
                return pipeline.name
        return None

    def _find(self, bucket: str, key: str) -> str | None:
        head = key.partition("/")[0]
        for place in ((bucket, head), (bucket, None)):
            regex = self._regexes.get(place)
            found = regex.fullmatch(key) if regex else None
            if found is not None and found.lastindex is not None:
                return self._names[place][found.lastindex - 1]
        return None


def _companion_regex(key: str, uploads_bucket: str) -> str:
    """Write a key to wait for as a regular expression of whole URIs; a template may become anything."""
    uri = key if key.startswith("s3://") else f"s3://{uploads_bucket}/{key}"
    return ".+".join(re.escape(piece) for piece in _TEMPLATE.split(uri))


def find_overlaps(pipelines: Iterable[Pipeline]) -> Iterator[Overlap]:
    """Find each pair of key patterns of two pipelines that one object could match both of."""
    entries = [
        (pipeline, index, pattern, first_segment(pattern))
        for pipeline in pipelines
        for index, pattern in enumerate(pipeline.arrival.keys)
    ]
    for place, (one, index, pattern, head) in enumerate(entries):
        for other, other_index, other_pattern, other_head in entries[place + 1 :]:
            if one.name == other.name or one.arrival.bucket != other.arrival.bucket:
                continue
            if head is not None and other_head is not None and head != other_head:
                continue
            if (key := find_common_key(pattern, other_pattern)) is not None:
                yield Overlap(one, index, other, other_index, key)

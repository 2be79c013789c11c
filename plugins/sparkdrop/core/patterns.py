"""Key patterns: which objects belong to a pipeline, and whether two patterns could claim the same one.

``*`` stands for any characters except ``/``, ``**`` for any characters, ``?`` for one character except ``/``.
Everything else stands for itself, and case counts, as it does in S3.

An upload through a link lies one folder deeper than a direct drop (``flights/<upload id>/jan.csv`` instead of
``flights/jan.csv``). So one ULID segment right after the first segment is *transparent*: a pattern matches a
key as it is, or without that segment.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26
_ULID_FOLDER = re.compile(rf"([^/]*/)([0-7][{CROCKFORD}]{{{ULID_LENGTH - 1}}})/(?=.)", re.DOTALL)
_TOKEN = re.compile(r"\*\*+|\*|\?|[^*?]", re.DOTALL)

ANY_DEPTH, ANY_NAME, ANY_ONE = "**", "*", "?"
HIDDEN_MARKS = ("_", ".")
_HIDDEN = re.compile(r"(?:^|(?<=/))[_.]")
_WILDCARDS = {ANY_DEPTH: ".*", ANY_NAME: "[^/]*", ANY_ONE: "[^/]"}

# States of the reading of one key: the first segment, the rest, or n characters of the transparent ULID read.
FIRST, REST = -1, -2
_State = tuple[int, int]


def tokenize(pattern: str) -> tuple[str, ...]:
    """Split a pattern into wildcards and literal characters."""
    return tuple(ANY_DEPTH if token.startswith("**") else token for token in _TOKEN.findall(pattern))


def to_regex(pattern: str) -> str:
    """Write a pattern as a regular expression for ``fullmatch`` with DOTALL (a key may hold a line feed)."""
    return "".join(_WILDCARDS.get(token) or re.escape(token) for token in tokenize(pattern))


def has_wildcard(text: str) -> bool:
    """Whether a text holds ``*`` or ``?``."""
    return "*" in text or "?" in text


def drop_upload_folder(key: str) -> str | None:
    """Take the transparent ULID segment out of a key; None where there is none."""
    found = _ULID_FOLDER.match(key)
    return found[1] + key[found.end() :] if found else None


def find_upload_folder(key: str) -> str | None:
    """Name the transparent ULID segment of a key: the id of its link; None where there is none."""
    found = _ULID_FOLDER.match(key)
    return found[2] if found else None


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern; use it with ``fullmatch``."""
    return re.compile(to_regex(pattern), re.DOTALL)


def match(pattern: str, key: str) -> bool:
    """Whether a key belongs to a pattern; one ULID segment after the first segment is transparent."""
    compiled = compile_pattern(pattern)
    if compiled.fullmatch(key):
        return True
    shorter = drop_upload_folder(key)
    return shorter is not None and compiled.fullmatch(shorter) is not None


def is_hidden(key: str, named: str = "") -> bool:
    """Whether a folder or the name begins with ``_`` or ``.``: other programs' unfinished files and markers.

    Args:
        key: the key. The name behind a link's folder is the uploader's own, and never hidden.
        named: what the key begins with and somebody wrote out: that is not hidden from him.
    """
    return any(found.start() >= len(named) for found in _HIDDEN.finditer(_drop_name(key)))


def takes(patterns: Iterable[str], key: str, *, hidden: str = "skip") -> bool:
    """Whether a key belongs to one of these patterns, and is not passed over.

    With ``hidden="skip"`` a hidden folder or name is taken only where the pattern writes it out.
    """
    found = [pattern for pattern in patterns if match(pattern, key)]
    if not found or hidden == "take" or not is_hidden(key):
        return bool(found)
    return any(_writes_out(pattern, key) for pattern in found)


def _writes_out(pattern: str, key: str) -> bool:
    """Whether a pattern has a segment of its own for each hidden segment of a key."""
    written = [compile_pattern(part) for part in pattern.split("/") if part.startswith(HIDDEN_MARKS)]
    hidden = [part for part in _drop_name(key).split("/") if part.startswith(HIDDEN_MARKS)]
    return all(any(one.fullmatch(part) for one in written) for part in hidden)


def _drop_name(key: str) -> str:
    """Take off the name behind a link's folder, which is the uploader's own."""
    return key if find_upload_folder(key) is None else key.rpartition("/")[0]


def first_segment(pattern: str) -> str | None:
    """Name the first folder of a pattern; None where a wildcard stands in it or there is no folder."""
    head, slash, _ = pattern.partition("/")
    return head if slash and not has_wildcard(head) else None


def overlap(first: str, second: str) -> bool:
    """Whether some key belongs to both patterns: exact, transparent ULID segment included."""
    return find_common_key(first, second) is not None


def find_common_key(first: str, second: str) -> str | None:
    """Find a shortest key that belongs to both patterns; None where there is none.

    Both patterns are read side by side, character by character, over an alphabet of every character that they
    name, ULID characters and one that neither names.
    """
    heads = first_segment(first), first_segment(second)
    if None not in heads and heads[0] != heads[1]:
        return None
    one, two = tokenize(first), tokenize(second)
    alphabet = _alphabet(one, two)
    start = [(left, right) for left in _spread(one, (0, FIRST)) for right in _spread(two, (0, FIRST))]
    queue = deque((left, right, "") for left, right in start)
    seen: set[tuple[_State, _State]] = set()  # without the start: an empty key is no object
    while queue:
        left, right, key = queue.popleft()
        if key and _is_end(one, left) and _is_end(two, right):
            return key
        for character in alphabet:
            for pair in _pairs(one, two, left, right, character):
                if pair not in seen:
                    seen.add(pair)
                    queue.append((*pair, key + character))
    return None


def _pairs(
    one: tuple[str, ...], two: tuple[str, ...], left: _State, right: _State, character: str
) -> list[tuple[_State, _State]]:
    rights = _step(two, right, character)
    lefts = _step(one, left, character) if rights else []
    return [(new_left, new_right) for new_left in lefts for new_right in rights]


def _alphabet(one: tuple[str, ...], two: tuple[str, ...]) -> list[str]:
    named = {token for token in (*one, *two) if token not in _WILDCARDS} | {"/"}
    # "7" may begin a ULID, "Z" may only go on one: the two kinds of characters that a ULID tells apart.
    spare = [next((c for c in group if c not in named), "") for group in (CROCKFORD[:8], CROCKFORD[8:])]
    other = next(chr(point) for point in range(ord("a"), 0x10000) if chr(point) not in named)
    return sorted(named | {c for c in spare if c} | {other})


def _is_end(tokens: tuple[str, ...], state: _State) -> bool:
    return state[0] == len(tokens) and state[1] < 0


def _spread(tokens: tuple[str, ...], state: _State) -> list[_State]:
    """All states reached without a character: a ``*`` may stand for nothing."""
    position, phase = state
    reached = [state]
    while position < len(tokens) and tokens[position] in (ANY_DEPTH, ANY_NAME) and phase < 0:
        position += 1
        reached.append((position, phase))
    return reached


def _step(tokens: tuple[str, ...], state: _State, character: str) -> list[_State]:
    position, phase = state
    if phase >= 0:
        return _step_ulid(tokens, position, phase, character)
    if position == len(tokens) or not _accepts(tokens[position], character):
        return []
    after = position if tokens[position] in (ANY_DEPTH, ANY_NAME) else position + 1
    if phase == FIRST and character == "/":
        return [*_spread(tokens, (after, REST)), (after, 0)]
    return _spread(tokens, (after, phase))


def _step_ulid(tokens: tuple[str, ...], position: int, read: int, character: str) -> list[_State]:
    if read == ULID_LENGTH:
        # What follows the folder must not be empty: the marker of a "folder" is no upload.
        return [(position, ULID_LENGTH + 1)] if character == "/" else []
    if read == ULID_LENGTH + 1:
        return [new for state in _spread(tokens, (position, REST)) for new in _step(tokens, state, character)]
    allowed = CROCKFORD[:8] if read == 0 else CROCKFORD
    return [(position, read + 1)] if character in allowed else []


def _accepts(token: str, character: str) -> bool:
    if token in (ANY_NAME, ANY_ONE):
        return character != "/"
    return token in (ANY_DEPTH, character)


def literal_prefix(pattern: str) -> str:
    """What every key of a pattern begins with, the transparent ULID segment left out of account.

    The answer ends at the first folder: behind it a key may have the ULID segment that the pattern does not.
    """
    head = first_segment(pattern)
    if head is not None:
        return f"{head}/"
    return re.split(r"[*?]", pattern, maxsplit=1)[0]

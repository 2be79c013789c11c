"""What the parts of a declared type are held to beside their Arrow type: NOT NULL, and the length of a text.

Arrow's types of the output take nulls in every part: Arrow writes no struct that is null where one of its
fields may not be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Limits:
    """What a part of a value is held to.

    ``parts`` are those of a struct's fields in their order, of an array's element, of a map's key and value.
    """

    required: bool = False
    max_length: int | None = None
    parts: tuple[Limits, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is a value that they refuse."""
        return self.required or self.max_length is not None or any(self.parts)


NO_LIMITS = Limits()


def find_beyond(values: pa.Array, limits: Limits) -> np.ndarray:
    """Which of the values are beyond the limits, or have a part that is."""
    bad = np.zeros(len(values), np.bool_)
    if limits.required:
        bad |= _mask(values.is_null())
    if limits.max_length is not None:
        bad |= find_long(values, limits.max_length)
    if not any(limits.parts):
        return bad
    whole = values.take(pa.array(np.arange(len(values))))  # no offset of a slice, no content of what is null
    if pa.types.is_struct(whole.type):
        there = _mask(whole.is_valid())
        for part, inner in zip(whole.flatten(), limits.parts, strict=True):
            bad |= find_beyond(part, inner) & there
        return bad
    parts = (whole.keys, whole.items) if pa.types.is_map(whole.type) else (whole.flatten(),)
    owners = np.repeat(np.arange(len(whole)), np.diff(whole.offsets.to_numpy()))
    for part, inner in zip(parts, limits.parts, strict=True):
        bad[owners[find_beyond(part, inner)]] = True
    return bad


def find_long(values: pa.Array, max_length: int) -> np.ndarray:
    """Which texts have more characters."""
    return _mask(pc.fill_null(pc.greater(pc.utf8_length(values), max_length), fill_value=False))


def _mask(values: pa.Array) -> np.ndarray:
    return np.asarray(values.to_numpy(zero_copy_only=False))

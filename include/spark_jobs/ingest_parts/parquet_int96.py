"""INT96, the timestamps that Spark and Impala used to write: nanoseconds of any day that there is.

Arrow reads them as nanoseconds, which end in the year 2262 and begin again in 1677, or as microseconds, which
have room for every day but lose what is finer. So both are read: the microseconds are the values, and the
nanoseconds tell which of them are whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest_parts.typed_blocks import Finer

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_TURN = 2**64  # nanoseconds after which a count in 64 bits begins again


def has_int96(opened: pq.ParquetFile) -> bool:
    """Whether a column has such timestamps anywhere in it."""
    schema = opened.schema
    return any(schema.column(place).physical_type == "INT96" for place in range(len(schema)))


def int96_columns(exact: pq.ParquetFile, wide: pq.ParquetFile) -> list[str]:
    """The columns that the two have in nanoseconds and in microseconds."""
    pairs = zip(exact.schema_arrow, wide.schema_arrow, strict=True)
    return [ours.name for ours, other in pairs if ours.type != other.type]


def find_finer(wide: pa.RecordBatch, exact: pa.RecordBatch) -> Finer | None:
    """The rows whose nanoseconds the microseconds lost; None where there are none.

    Args:
        wide: all columns, in microseconds.
        exact: those that differ, in nanoseconds.
    """
    rows: dict[str, np.ndarray] = {}
    told = wide
    for place, name in enumerate(wide.schema.names):
        if name not in exact.schema.names or wide.column(place).type == exact.column(name).type:
            continue
        micros, nanos = wide.column(place), exact.column(name)
        finer = _differing(pc.cast(micros, nanos.type, safe=False), nanos)
        if finer.any():
            rows[name] = finer
            told = told.set_column(place, name, _tell(micros, nanos, finer))
    return Finer(rows, told) if rows else None


def _differing(left: pa.Array, right: pa.Array) -> np.ndarray:
    """Which values are not the same; halves until those are alone."""
    found = np.zeros(len(left), np.bool_)
    todo = [(0, len(left))]
    while todo:
        low, high = todo.pop()
        if left.slice(low, high - low).equals(right.slice(low, high - low)):
            continue
        if high - low == 1:
            found[low] = True
        else:
            middle = (low + high) // 2
            todo += [(low, middle), (middle, high)]
    return found


def _tell(micros: pa.Array, nanos: pa.Array, finer: np.ndarray) -> pa.Array:
    """The values as a reject tells them: with all nine places, whatever the year is."""
    if not pa.types.is_timestamp(micros.type):
        return nanos
    texts = pc.cast(micros, pa.string()).to_pylist()
    for row in np.flatnonzero(finer).tolist():
        places = (nanos[row].value - micros[row].value * 1000) % _TURN
        texts[row] = f"{texts[row].removesuffix('Z')}{places:03d}"
    return pa.array(texts, pa.string())

"""What ``ingest.py`` cannot do, found in the pipeline file; a program of one's own may do as it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from sparkdrop.core.ddl import Column, parse_ddl
from sparkdrop.core.endings import check_compression

if TYPE_CHECKING:
    from sparkdrop.core.input import Input

PROGRAM = "ingest.py"
SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
TYPES_NOT_READ = ("VOID", "VARIANT", "INTERVAL")


def check_for_ingest(keys: tuple[str, ...], given: Input, partition_by: tuple[str, ...]) -> None:
    """Check what only all keys together tell.

    Raises:
        PydanticCustomError: With the path of the key that is at fault.
    """
    for index, key in enumerate(keys):
        try:
            check_compression(key, given.format)
        except ValueError as error:
            raise _error(str(error), "arrival", "keys", index) from None
    if given.schema_ is not None:
        columns = parse_ddl(given.schema_)
        _check_columns(columns)
        _check_partitions(columns, partition_by)


def _check_columns(columns: tuple[Column, ...]) -> None:
    reserved = [column.name for column in columns if column.name.lower() in SOURCE_COLUMNS]
    if reserved:
        text = f"found {', '.join(reserved)}, which ingest.py adds itself; accepted: another name"
        raise _error(text, "input", "schema")
    for column in columns:
        found = [name for name in column.type_names if name in TYPES_NOT_READ or "COLLATE" in name]
        if found:
            types = ", ".join(found)
            text = f"column {column.name!r}: {types} is no type that ingest.py reads; accepted: STRING"
            raise _error(text, "input", "schema")


def _check_partitions(columns: tuple[Column, ...], partition_by: tuple[str, ...]) -> None:
    known = {name.lower(): False for name in SOURCE_COLUMNS}
    known |= {column.name.lower(): column.is_nested for column in columns}
    unknown = [name for name in partition_by if name.lower() not in known]
    if unknown:
        names = [*(column.name for column in columns), *SOURCE_COLUMNS]
        text = f"found {', '.join(unknown)}, not in input.schema; accepted: {', '.join(names)}"
        raise _error(text, "output", "partition_by")
    nested = [name for name in partition_by if known[name.lower()]]
    if nested:
        text = f"found {', '.join(nested)}, which holds other types; accepted: columns of one value"
        raise _error(text, "output", "partition_by")


def _error(text: str, *path: str | int) -> PydanticCustomError:
    return PydanticCustomError("ingest", "{text}", {"text": text, "path": path})

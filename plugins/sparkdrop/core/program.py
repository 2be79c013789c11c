"""A Spark program as it ships: one file, and beside it a package of parts that travels as a zip.

The program ``team/clean.py`` has its parts in the folder ``team/clean_parts/``; it imports them as
``clean_parts``. Spark puts the zip on the Python path of the driver and of every executor:
https://spark.apache.org/docs/latest/submitting-applications.html
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIX = ".py"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # what a zip can tell of time begins here
_READABLE = 0o100644 << 16  # a plain file that everyone may read, in a zip's words


@dataclass(frozen=True, slots=True)
class ShippedProgram:
    """Where EMR finds a Spark program.

    Attributes:
        uri: The program.
        py_files: What goes on Python's path with it, each a URI.
    """

    uri: str
    py_files: tuple[str, ...] = ()


def name_parts(program: str) -> str | None:
    """Name the folder of a program's parts, relative as the program is; None where it can have none."""
    path = PurePosixPath(program)
    return str(path.with_name(f"{path.stem}_parts")) if path.suffix == _SUFFIX else None


def pack_parts(files: Mapping[str, bytes]) -> bytes:
    """Pack a package into a zip whose bytes depend on nothing but the files.

    Nothing is compressed: another version of zlib would give other bytes.

    Args:
        files: Content by path, as it is imported (``clean_parts/rows.py``).
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = 3  # Unix, wherever it is packed
            entry.external_attr = _READABLE
            archive.writestr(entry, files[name])
    return packed.getvalue()


def hash_program(program: bytes, parts: bytes | None) -> str:
    """Hash a program with its parts (SHA-256, hexadecimal), so that two versions never mix."""
    if parts is None:
        return hashlib.sha256(program).hexdigest()
    each = (hashlib.sha256(part).digest() for part in (program, parts))
    return hashlib.sha256(b"".join(each)).hexdigest()

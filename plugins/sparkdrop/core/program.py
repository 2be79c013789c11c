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

from sparkdrop.core.spark_dependencies import choose_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.pipeline import Pipeline

_SUFFIX = ".py"
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # what a zip can tell of time begins here
_READABLE = 0o100644 << 16  # a plain file that everyone may read, in a zip's words


@dataclass(frozen=True, slots=True)
class ShippedProgram:
    """Where EMR finds a Spark program.

    Attributes:
        uri: The program.
        py_files: What goes on Python's path with it, each a URI.
        dependencies: The archive of what it imports beside Spark and Python, a URI; None where the nodes have
            that themselves.
    """

    uri: str
    py_files: tuple[str, ...] = ()
    dependencies: str | None = None


def locate_program(
    pipeline: Pipeline, deployment: Deployment, sha256: str, *, has_parts: bool = False
) -> ShippedProgram:
    """Say where the Spark program lies; ours by its content, so that a running step never sees it change.

    Args:
        pipeline: Names the program.
        deployment: Names the bucket, and what our programs import.
        sha256: The hash of the program with its parts (:func:`hash_program`).
        has_parts: Whether a package of parts goes with it.
    """
    return place_program(
        pipeline, deployment.artifacts_bucket, sha256, deployment.spark_dependencies, has_parts=has_parts
    )


def place_program(
    pipeline: Pipeline, artifacts_bucket: str, sha256: str, dependencies: str | None, *, has_parts: bool
) -> ShippedProgram:
    """Say the same without a deployment; a program that somebody else put there is left as it is."""
    if not pipeline.job.is_shipped:
        return ShippedProgram(pipeline.job.program)
    folder = f"s3://{artifacts_bucket}/programs/{sha256}"
    name = pipeline.job.program.rpartition("/")[2]
    parts = name_parts(name) if has_parts else None
    return ShippedProgram(
        f"{folder}/{name}",
        (f"{folder}/{parts}.zip",) if parts else (),
        choose_archive(dependencies, pipeline.compute.platform) if dependencies else None,
    )


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

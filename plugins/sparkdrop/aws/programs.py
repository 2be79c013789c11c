"""Reads what a Spark program brings along from the folder of programs."""

from pathlib import Path

from sparkdrop.core.program import name_parts, pack_parts


def read_parts(program: Path) -> bytes | None:
    """Pack the folder of parts beside a program; None where there is none."""
    name = name_parts(program.name)
    folder = program.with_name(name) if name else None
    if folder is None or not folder.is_dir():
        return None
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return pack_parts({path.relative_to(program.parent).as_posix(): path.read_bytes() for path in files})

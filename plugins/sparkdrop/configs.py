"""Reads a folder of pipeline files: the only input and output around :mod:`sparkdrop.core.config`.

``python -m sparkdrop.configs FILE`` writes the JSON Schema for editors; with ``--check`` it only compares.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sparkdrop.core.config import LoadedConfigs, parse_configs
from sparkdrop.core.errors import ConfigError, Problem
from sparkdrop.core.program import name_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sparkdrop.core.variables import Lookup

SUFFIXES = (".yaml", ".yml")
PROGRAM_SUFFIXES = (".py", ".jar")

__all__ = ["LoadedConfigs", "list_files", "load_configs", "load_files", "look_up_environment"]


def look_up_environment(source: str, name: str) -> str | None:
    """Answer variables from the environment; an Airflow Variable as Airflow itself finds it there.

    Source: https://airflow.apache.org/docs/apache-airflow/stable/howto/variable.html (AIRFLOW_VAR_ names)
    """
    return os.environ.get(name if source == "environment" else f"AIRFLOW_VAR_{name.upper()}")


def load_configs(
    config_dir: str | Path, *, jobs_dir: str | Path | None = None, lookup: Lookup = look_up_environment
) -> LoadedConfigs:
    """Load every pipeline of a folder; errors come back, they are not raised.

    Args:
        config_dir: The folder of YAML files.
        jobs_dir: The folder of Spark programs; None does not check that a program is there.
        lookup: Answers the declared variables.
    """
    folder = Path(config_dir)
    if not folder.is_dir():
        hint = "SPARKDROP_CONFIG_DIR names it"
        problem = Problem(file=str(folder), path="", message="is no folder of pipeline files", hint=hint)
        return LoadedConfigs(pipelines={}, errors={str(folder): ConfigError(problem)})
    return load_files(list_files(folder), jobs_dir=jobs_dir, lookup=lookup)


def list_files(folder: Path) -> list[Path]:
    """List a folder's pipeline files, ``_defaults.yaml`` included; none where there is no folder."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix in SUFFIXES and path.is_file())


def load_files(
    files: Iterable[Path],
    *,
    jobs_dir: str | Path | None = None,
    lookup: Lookup = look_up_environment,
    drafts: Mapping[str, str] = MappingProxyType({}),
) -> LoadedConfigs:
    """Load these files together, as one folder; drafts (texts by name) are files that are not written yet."""
    texts: dict[str, str] = dict(drafts)
    unreadable: dict[str, ConfigError] = {}
    for path in files:
        try:
            texts[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            unreadable[str(path)] = ConfigError(
                Problem(
                    file=str(path),
                    path="",
                    message=f"cannot be read: {error}",
                    hint="a file is text in UTF-8",
                )
            )
    loaded = parse_configs(texts, lookup=lookup, programs=_list_programs(jobs_dir))
    if not unreadable:
        return loaded
    return LoadedConfigs(loaded.pipelines, {**unreadable, **loaded.errors})


def _list_programs(jobs_dir: str | Path | None) -> list[str] | None:
    if jobs_dir is None:
        return None
    folder = Path(jobs_dir)
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in PROGRAM_SUFFIXES]
    names = {path.as_posix() for path in found}
    parts = {name_parts(name) for name in names}
    return sorted(
        path.as_posix() for path in found if not any(above.as_posix() in parts for above in path.parents)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the schema; 1 says that it has drifted."""
    from sparkdrop.core.schema import render_schema

    parser = argparse.ArgumentParser(prog="python -m sparkdrop.configs", description=main.__doc__)
    parser.add_argument("schema", type=Path, help="the schema's file, include/emr_configs/schema.json")
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    wanted = render_schema()
    if not options.check:
        options.schema.write_text(wanted, encoding="utf-8")
        return 0
    if options.schema.is_file() and options.schema.read_text(encoding="utf-8") == wanted:
        return 0
    sys.stderr.write(f"{options.schema} has drifted; run: python -m sparkdrop.configs {options.schema}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""``spark-submit`` and ``run-example`` as the scripts of a step find them: prepared as a step's own are.

Spark's own scripts know neither EMR's arguments (``--master yarn``) nor the bounds of one machine, and start
one JVM more. A submission from a script runs in client mode whatever it says: its output is the script's.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.emr.jobs.options import CommandError
from sparkdrop_local.emr.jobs.spark_job import Prepared, SparkJob
from sparkdrop_local.emr.jobs.submission import parse_example, parse_submission
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.java import Jdk
from sparkdrop_local.spark import SparkRuntime

_PROGRAMS = ("run-example", "spark-example", "spark-submit")
# -P: a module of the step's folder hides none that is imported here
_SHIM = """#!/bin/sh
exec "{python}" -P -c 'import sys; from {module} import main; main(sys.argv[1:])' "{state}" {program} "$@"
"""


def write_shims(job: SparkJob) -> Path:
    """Write the programs into a folder of the job's, for the front of its PATH."""
    folder = job.work / "bin"
    folder.mkdir(exist_ok=True)
    state = job.work / "spark-submit.json"
    state.write_text(json.dumps(_dump(job), default=str), encoding="utf-8")
    for program in _PROGRAMS:
        shim = folder / program
        text = _SHIM.format(python=sys.executable, module=__name__, state=state, program=program)
        shim.write_text(text, encoding="utf-8")
        shim.chmod(0o755)
    return folder


def main(argv: Sequence[str]) -> NoReturn:
    """Become the JVM of a submission, or say why there is none."""
    try:
        prepared = _prepare(*argv)
    except (CommandError, SparkdropError, ClientError, BotoCoreError, OSError) as error:
        sys.exit(str(error))
    os.execve(  # noqa: S606 - it is what the caller asked for
        prepared.arguments[0], prepared.arguments, {**os.environ, **prepared.environment}
    )


def _prepare(state: str, program: str, *arguments: str) -> Prepared:
    parse = parse_submission if program == "spark-submit" else parse_example
    submission = parse(arguments)
    return _load(json.loads(Path(state).read_text(encoding="utf-8"))).submit(submission, stderr=None)


def _dump(job: SparkJob) -> dict[str, Any]:
    """Write what a job is made of; its S3 and credentials are in the environment."""
    return {
        "runtime": asdict(job.runtime),
        "configurations": job.configurations,
        "scratch_dir": job.settings.scratch_dir,
        "work": job.work,
    }


def _load(state: dict[str, Any]) -> SparkJob:
    """Make the job again; several submissions of one script may run at once, each in a folder of its own."""
    runtime = state["runtime"]
    archive = runtime["archive"]
    settings = replace(EmrSettings.from_environment(Path(state["scratch_dir"])), state_file=None)
    own = Path(state["work"]) / f"submission-{os.getpid()}"
    (own / "tmp").mkdir(parents=True)
    return SparkJob(
        runtime=SparkRuntime(
            **{
                **runtime,
                "jdk": Jdk(Path(runtime["jdk"]["home"]), runtime["jdk"]["version"]),
                "home": Path(runtime["home"]),
                "jars_dir": Path(runtime["jars_dir"]),
                "launcher_flags": tuple(runtime["launcher_flags"]),
                "archive": Path(archive) if archive else None,
                "java_flags": tuple(runtime["java_flags"]),
            }
        ),
        settings=settings,
        storage=Storage(settings),
        configurations=state["configurations"],
        work=own,
        folder=Path.cwd(),
    )

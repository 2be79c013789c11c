"""A pipeline: what lands where, which Spark job, on which compute, under which limits.

One YAML file in ``include/emr_configs/`` fills one :class:`Pipeline`. The models are frozen and refuse unknown
keys; :mod:`sparkdrop.core.config` turns files into them and their errors into sentences.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sparkdrop.core.compute import GIB, Compute, Count, EmrEc2, Model, PollInterval
from sparkdrop.core.ddl import parse_ddl
from sparkdrop.core.patterns import has_wildcard
from sparkdrop.core.quantities import Duration, Size  # noqa: TC001 - pydantic reads them at run time

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
RESERVED_NAMES = {"maintenance": "the DAG that sweeps and reaps"}
MAX_NAME_LENGTH = 64
MAX_KEY_BYTES = 1024  # S3's limit on a key
SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
MAX_SLASHED_BUCKET = 63

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_S3_URI = re.compile(r"s3://([^/]+)/(.+)")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_LOCAL_PROGRAM = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?:py|jar)")

FORMATS = {
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz"),
    "json": (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    "parquet": (".parquet", ".parq"),
}


def suggest_name(text: str) -> str:
    """Make the nearest valid pipeline name of any text; empty where no letter or digit is in it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    name = f"p_{name}" if name and not name[0].isalpha() else name
    return f"{name}_files" if name in RESERVED_NAMES else name[:MAX_NAME_LENGTH].rstrip("_")


def check_name(value: str) -> str:
    """Check a pipeline's name: snake_case, since it is a DAG's id, a folder and part of a step's name.

    Raises:
        ValueError: It is not; the nearest valid name is suggested.
    """
    if value in RESERVED_NAMES:
        message = f"{value!r} is taken by {RESERVED_NAMES[value]}; try {suggest_name(value)!r}"
        raise ValueError(message)
    if not _NAME.fullmatch(value) or len(value) > MAX_NAME_LENGTH:
        near = suggest_name(value)
        advice = f"; try {near!r}" if near else ""
        message = (
            f"found {value!r}; accepted: snake_case, as in 'daily_sales', up to {MAX_NAME_LENGTH}{advice}"
        )
        raise ValueError(message)
    return value


def _scalar_to_text(value: object) -> object:
    """Write YAML's booleans and numbers as Spark and EMR want them: ``true``, ``8``."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def _check_bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        message = f"found {value!r}; accepted: a bucket's bare name: 3 to 63 of a-z, 0-9, '.', '-'"
        raise ValueError(message)
    return value


def _check_pattern(value: str) -> str:
    if value.startswith("s3://"):
        message = (
            f"found {value!r}; accepted: a key without its bucket, as in 'flights/*.csv'; see arrival.bucket"
        )
        raise ValueError(message)
    if not value or value.startswith("/") or len(value.encode()) > MAX_KEY_BYTES:
        message = (
            f"found {value!r}; accepted: a key pattern as in 'flights/*.csv': not empty, no '/' in front"
        )
        raise ValueError(message)
    return value


def _check_schedule(value: str) -> str:
    # croniter is Airflow's own parser, so what passes here passes there; imported only where a schedule is
    from croniter import croniter  # type: ignore[import-untyped] # it ships no types

    if value in PRESETS or (len(value.split()) == 5 and croniter.is_valid(value)):  # noqa: PLR2004 - cron's 5 fields
        return value
    message = (
        f'found {value!r}; accepted: five cron fields, as in "0 6 * * *", or one of {", ".join(PRESETS)}'
    )
    raise ValueError(message)


def _none_from_word(value: object) -> object:
    return None if value == "none" else value


def _check_program(value: str) -> str:
    if _S3_URI.fullmatch(value) or _LOCAL_PROGRAM.fullmatch(value):
        return value
    message = f"found {value!r}; accepted: a .py or .jar file in include/spark_jobs/, or s3://bucket/key"
    raise ValueError(message)


def _check_wait_key(value: str) -> str:
    bare = _JINJA.sub("", value)
    if has_wildcard(bare):
        # A deferred S3KeySensor with a wildcard matches files that it matched before.
        message = f"found {value!r}; accepted: one exact key without '*' and '?'; {{{{ ds }}}} may be in it"
        raise ValueError(message)
    if "{{" in bare or "}}" in bare:
        message = f"found {value!r}; a template's braces do not close"
        raise ValueError(message)
    found = _S3_URI.fullmatch(value)
    if found:
        if not _JINJA.search(found[1]):
            _check_bucket(found[1])
    elif not value or value.startswith(("/", "s3:")):
        message = f"found {value!r}; accepted: s3://bucket/key, or a key in the uploads bucket"
        raise ValueError(message)
    return value


def _check_prefix(value: str) -> str:
    if value.startswith(("/", "s3://", "_")) or "//" in value or not value.strip("/"):
        message = f"found {value!r}; accepted: a folder, as in 'flights/', with no '_' or '/' in front"
        raise ValueError(message)
    return value.rstrip("/") + "/"


Text = Annotated[str, BeforeValidator(_scalar_to_text)]
Bucket = Annotated[str, AfterValidator(_check_bucket)]
KeyPattern = Annotated[str, AfterValidator(_check_pattern)]
WaitKey = Annotated[str, AfterValidator(_check_wait_key)]
Schedule = Annotated[str, AfterValidator(_check_schedule)]


class Arrival(Model):
    """What lands, and how we hear of it."""

    mode: Literal["events", "sensor", "none"] = "events"
    """`events`: S3 tells us. `sensor`: we look where S3 cannot tell. `none`: files wait for a run."""
    keys: Annotated[tuple[KeyPattern, ...], Field(min_length=1)]
    """Patterns: `*` any characters but `/`, `**` any characters, `?` one character but `/`. Case counts."""
    bucket: Bucket | None = None
    """The bucket, where it is not the uploads bucket."""
    poll_interval: PollInterval = timedelta(seconds=60)
    """How often `mode: sensor` looks (whole seconds)."""


class Batch(Model):
    """How much one run takes."""

    max_files: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1000
    """The most files."""
    max_bytes: Annotated[Size, Field(gt=0)] = 10 * GIB
    """The most bytes; one file that is larger makes a batch of its own."""
    max_wait: Duration = timedelta(0)
    """How long the first file may wait for others to come along."""


class Input(Model):
    """How Spark reads the files."""

    format: Literal["csv", "json", "parquet"]
    """Read from the key patterns' endings where it is left out."""
    schema_: Annotated[str | None, Field(alias="schema")] = None
    """Spark DDL, as in `year INT, carrier STRING`; leave it out to infer."""
    options: dict[str, Text] = Field(default_factory=dict)
    """Options of Spark's reader. CSV has a header unless `header: false` says otherwise."""

    @field_validator("schema_")
    @classmethod
    def _check_schema(cls, value: str | None, info: ValidationInfo) -> str | None:
        nested = [column.name for column in parse_ddl(value) if column.is_nested] if value is not None else []
        if nested and info.data.get("format") == "csv":
            message = f"CSV cannot hold ARRAY, MAP or STRUCT: {', '.join(nested)}"
            raise ValueError(message)
        return value

    @property
    def reader_options(self) -> dict[str, str]:
        """The options with what the format needs added: a CSV's header."""
        return {"header": "true", **self.options} if self.format == "csv" else dict(self.options)


class Job(Model):
    """The Spark program."""

    program: Annotated[str, AfterValidator(_check_program)] = "ingest.py"
    """A file in include/spark_jobs/, or s3://bucket/key."""
    arguments: tuple[Text, ...] = ()
    """Arguments after `--manifest`."""
    spark: dict[str, Text] = Field(default_factory=dict)
    """Spark settings, each one a `--conf`."""

    @field_validator("spark")
    @classmethod
    def _check_spark(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in value if not name.startswith("spark.")]
        if wrong:
            message = (
                f"found {', '.join(map(repr, wrong))}; accepted: Spark settings, which begin with 'spark.'"
            )
            raise ValueError(message)
        return value

    @property
    def is_shipped(self) -> bool:
        """Whether the program is a file of ours, which has to be put into the artifacts bucket first."""
        return not self.program.startswith("s3://")


class Output(Model):
    """Where the result goes, in the curated bucket."""

    format: Literal["parquet", "json", "csv"] = "parquet"
    """Of the files that are written."""
    prefix: Annotated[str, AfterValidator(_check_prefix)]
    """The folder; `<pipeline>/` where it is left out. A batch goes to `<prefix>batch=<batch_id>/`."""
    partition_by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Columns to partition by."""
    file_bytes: Annotated[Size, Field(gt=0)] = 128 * 2**20
    """The size that output files aim at."""


class Retries(Model):
    """What happens to a batch that failed."""

    attempts: Annotated[int, Field(strict=True, ge=1, le=20)] = 3
    """Tries in all, the first one included."""
    delay: Duration = timedelta(minutes=5)
    """Time between two tries."""


class Pipeline(Model):
    """One pipeline; it becomes one DAG."""

    name: Annotated[str, AfterValidator(check_name)]
    """The file's stem."""
    description: str = ""
    """What a person sees in Airflow's list."""
    owner: Annotated[str, Field(min_length=1)] = "sparkdrop"
    """The team that answers for it."""
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    """Tags of the DAG and of its job flows."""
    arrival: Arrival
    """What lands, and how we hear of it."""
    schedule: Annotated[Schedule | None, BeforeValidator(_none_from_word)] = None
    """Cron, a preset such as `@daily`, or `none`; may stand beside arrival. In UTC."""
    wait_for: tuple[WaitKey, ...] = ()
    """Companions that must be there first: exact keys of the uploads bucket, or s3://bucket/key."""
    batch: Batch = Batch()
    """How much one run takes."""
    input: Input
    """How Spark reads the files."""
    job: Job = Job()
    """The Spark program."""
    compute: Compute = EmrEc2()
    """Where it runs."""
    output: Output
    """Where the result goes."""
    retries: Retries = Retries()
    """What happens to a batch that failed."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_others(cls, data: object) -> object:
        """Fill what other keys imply: the format from the patterns' endings, the prefix from the name."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        given = filled.get("output", {})
        if isinstance(given, dict) and "prefix" not in given and "name" in filled:
            filled["output"] = {**given, "prefix": f"{filled['name']}/"}
        given = filled.get("input", {})
        if isinstance(given, dict) and "format" not in given and (found := _format_of(filled.get("arrival"))):
            filled["input"] = {"format": found, **given}
        return filled

    @model_validator(mode="after")
    def _check_partitions(self) -> Pipeline:
        if self.input.schema_ is None or not self.job.is_shipped or self.job.program != "ingest.py":
            return self
        columns = [column.name for column in parse_ddl(self.input.schema_)] + list(SOURCE_COLUMNS)
        lower = {column.lower() for column in columns}
        unknown = [name for name in self.output.partition_by if name.lower() not in lower]
        if unknown:
            known = ", ".join(columns)
            message = f"output.partition_by: {', '.join(unknown)} not in input.schema; accepted: {known}"
            raise ValueError(message)
        return self


def _format_of(arrival: object) -> str | None:
    """Name the one format that all key patterns end in; None where they do not agree or say."""
    keys = arrival.get("keys") if isinstance(arrival, dict) else None
    if not isinstance(keys, (list, tuple)) or not keys or not all(isinstance(key, str) for key in keys):
        return None
    for name, endings in FORMATS.items():
        if all(key.endswith(endings) for key in keys):
            return name
    return None


__all__ = [
    "PRESETS",
    "SOURCE_COLUMNS",
    "Arrival",
    "Batch",
    "Compute",
    "Count",
    "EmrEc2",
    "Input",
    "Job",
    "Output",
    "Pipeline",
    "Retries",
    "check_name",
    "suggest_name",
]

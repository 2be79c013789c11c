"""A pipeline: what lands where, which Spark job, on which compute, under which limits.

One YAML file in ``include/emr_configs/`` fills one :class:`Pipeline`. The models are frozen and refuse
unknown keys; :mod:`sparkdrop.core.config` turns files into them and their errors into sentences.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sparkdrop.core.compute import GIB, Compute, EmrEc2, Model, PollInterval
from sparkdrop.core.ddl import parse_ddl
from sparkdrop.core.quantities import Duration, Size  # noqa: TC001 - pydantic reads them at run time
from sparkdrop.core.upload_settings import UploadSettings
from sparkdrop.core.values import (
    Bucket,
    KeyPattern,
    Prefix,
    Program,
    Schedule,
    Text,
    WaitKey,
    check_name,
    none_from_word,
)

SOURCE_COLUMNS = ("_source_key", "_upload_id", "_batch_id")
FORMATS = {
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz"),
    "json": (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    "parquet": (".parquet", ".parq"),
}


class ArrivalSettings(Model):
    """What lands, and how we hear of it."""

    mode: Literal["events", "sensor", "none"] = "events"
    """`events`: S3 tells us. `sensor`: we look where S3 cannot tell. `none`: files wait for a run."""
    keys: Annotated[tuple[KeyPattern, ...], Field(min_length=1)]
    """Patterns: `*` any characters but `/`, `**` any characters, `?` one character but `/`. Case counts."""
    bucket: Bucket | None = None
    """The bucket, where it is not the uploads bucket."""
    poll_interval: PollInterval = timedelta(seconds=60)
    """How often `mode: sensor` looks (whole seconds)."""


class BatchSettings(Model):
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

    program: Program = "ingest.py"
    """A file in include/spark_jobs/, or s3://bucket/key."""
    arguments: tuple[Text, ...] = ()
    """Arguments after `--manifest`."""
    spark: dict[str, Text] = Field(default_factory=dict)
    """Spark settings, each one a `--conf`."""
    timeout: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(hours=2)
    """The longest that a batch's step may run; then it is cancelled and the batch has failed."""

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
    prefix: Prefix
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
    arrival: ArrivalSettings
    """What lands, and how we hear of it."""
    schedule: Annotated[Schedule | None, BeforeValidator(none_from_word)] = None
    """Cron, a preset such as `@daily`, or `none`; may stand beside arrival. In UTC."""
    wait_for: tuple[WaitKey, ...] = ()
    """Companions that must be there first: exact keys of the uploads bucket, or s3://bucket/key."""
    batch: BatchSettings = BatchSettings()
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
    upload: UploadSettings = UploadSettings()
    """What the API takes, and from whom; drops into the bucket are not concerned."""

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
        if isinstance(given, dict) and "format" not in given:
            found = _format_of(filled.get("arrival"))
            filled["input"] = {"format": found, **given} if found else given
        return filled

    @model_validator(mode="after")
    def _check_partitions(self) -> Pipeline:
        if self.input.schema_ is None or not self.job.is_shipped or self.job.program != "ingest.py":
            return self
        columns = [column.name for column in parse_ddl(self.input.schema_)] + list(SOURCE_COLUMNS)
        lower = {column.lower() for column in columns}
        unknown = [name for name in self.output.partition_by if name.lower() not in lower]
        if unknown:
            text = f"found {', '.join(unknown)}, not in input.schema; accepted: {', '.join(columns)}"
            place = {"text": text, "path": ("output", "partition_by")}
            raise PydanticCustomError("partition_by", "{text}", place)
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

"""A pipeline: what lands where, which Spark job, on which compute, under which limits.

One YAML file in ``include/emr_configs/`` fills one :class:`Pipeline`. The models are frozen and refuse
unknown keys; :mod:`sparkdrop.core.config` turns files into them and their errors into sentences.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sparkdrop.core.compute import GIB, Compute, EmrEc2, Model, PollInterval, find_platform
from sparkdrop.core.endings import find_format
from sparkdrop.core.ingest_checks import PROGRAM, check_for_ingest
from sparkdrop.core.input import Input  # noqa: TC001 - pydantic reads it at run time
from sparkdrop.core.quantities import Duration, Size  # noqa: TC001 - the same
from sparkdrop.core.rejects import RejectSettings
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
    hidden: Literal["skip", "take"] = "skip"
    """Keys with a segment that begins with `_` or `.`: passed over, or taken like others."""
    same_content: Literal["skip", "process"] = "skip"
    """A key written again with the content that went through last: put on record only, or processed again."""


class BatchSettings(Model):
    """How much one run takes."""

    max_files: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1000
    """The most files."""
    max_bytes: Annotated[Size, Field(gt=0)] = 10 * GIB
    """The most bytes; one file that is larger makes a batch of its own."""
    max_wait: Duration = timedelta(0)
    """How long the first file may wait for others to come along."""


def _check_timeout(value: timedelta) -> timedelta:
    if not value:
        message = "found '0s'; accepted: more than nothing, as in 2h"
        raise ValueError(message)
    return value


class Job(Model):
    """The Spark program."""

    program: Program = PROGRAM
    """A file in include/spark_jobs/, or s3://bucket/key."""
    arguments: tuple[Text, ...] = ()
    """Arguments after `--manifest`."""
    spark: dict[str, Text] = Field(default_factory=dict)
    """Spark settings, each one a `--conf`."""
    timeout: Annotated[Duration, AfterValidator(_check_timeout)] = timedelta(hours=2)
    """How long a step may take; then it is cancelled, and its batch has failed."""

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
    """How the files are read."""
    rejects: RejectSettings = RejectSettings()
    """How many rows of a file may not fit."""
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
        if isinstance(given, dict) and given.get("format") is None:
            arrival = filled.get("arrival")
            found = find_format(arrival.get("keys")) if isinstance(arrival, dict) else None
            filled["input"] = {**given, "format": found} if found else given
        return filled

    @model_validator(mode="after")
    def _check_for_ingest(self) -> Pipeline:
        if self.job.program == PROGRAM:
            check_for_ingest(self.arrival.keys, self.input, self.output.partition_by)
        return self

    @model_validator(mode="after")
    def _check_processors(self) -> Pipeline:
        """Refuse nodes of two kinds: what a shipped program imports is compiled for one."""
        found = {name: find_platform(name) for name in self.compute.instance_types}
        if self.job.is_shipped and len(set(found.values())) > 1:
            types = ", ".join(f"{name} ({platform})" for name, platform in found.items())
            key = "instance_groups" if self.compute.instance_groups else "instance_fleets"
            text = f"found {types}; accepted for a program that is shipped: processors of one kind"
            raise PydanticCustomError("processors", "{text}", {"text": text, "path": ("compute", key)})
        return self

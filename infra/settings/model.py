"""What a stage may set, as a frozen model; ``<stage>.yaml`` beside this file fills it.

A name or value that is not accepted is reported with its file, key and what to write instead, before any
template is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from sparkdrop.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SETTINGS_DIR = Path(__file__).parent
PRODUCTION = "prod"

# What a tag's value may hold: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
TagValue = Annotated[str, StringConstraints(pattern=r"^[\w .:/=+\-@]+$", max_length=256)]
# The stage is a part of every stack's name: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
StageName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s*]+$")]
Days = Annotated[int, Field(ge=1, le=36_500)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UploadsSettings(_Settings):
    """The bucket where files land.

    Attributes:
        cors_origins: Origins of the pages that may PUT from a browser; scheme and host, no path, no ``*``.
        abandoned_multipart_days: When the parts of an upload that never ended are deleted.
        noncurrent_version_days: How long an overwritten or deleted version is kept.
    """

    cors_origins: tuple[Origin, ...] = ()
    abandoned_multipart_days: Days = 3
    noncurrent_version_days: Days = 30


class LogsSettings(_Settings):
    """The bucket of EMR's step logs and the other buckets' access logs.

    Attributes:
        retention_days: When a log is deleted.
    """

    retention_days: Days = 90


class StageSettings(_Settings):
    """One stage of the deployment.

    Attributes:
        stage: The settings file's stem; a part of each stack's name.
        owner: Tag ``owner`` of every resource: who to ask.
        cost_centre: Tag ``cost-centre`` of every resource: who pays.
        region: Where to deploy; None takes the region of the CDK CLI's profile.
        destroy_data: The first of two switches that let ``cdk destroy`` delete the buckets and the ledger.
            The second is the context value ``destroy-data=<stage>`` on the command line. Never accepted for
            production.
        uploads: See :class:`UploadsSettings`.
        logs: See :class:`LogsSettings`.
    """

    stage: StageName
    owner: TagValue
    cost_centre: TagValue
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None
    destroy_data: bool = False
    uploads: UploadsSettings = UploadsSettings()
    logs: LogsSettings = LogsSettings()

    @model_validator(mode="after")
    def _keep_production_data(self) -> Self:
        if self.stage == PRODUCTION and self.destroy_data:
            raise ValueError("destroy_data: production keeps its data; take destroy_data out of this file")
        return self


def load_settings(stage: str, directory: Path = SETTINGS_DIR) -> StageSettings:
    """Read the settings of a stage.

    Args:
        stage: The stem of the settings file.
        directory: Where the settings files lie.

    Returns:
        The settings, complete with their defaults.

    Raises:
        ConfigError: There is no such file, or it holds what the model does not accept: all problems at once.
    """
    path = directory / f"{stage}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.yaml"))) or "none"
        raise ConfigError(
            Problem(file=str(path), path="", message="no such settings file", hint=f"stages: {known}")
        )
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(
            Problem(file=str(path), path="", line=line, message=f"not YAML: {error.problem}")
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(
            Problem(file=str(path), path="", message="a settings file is a mapping of keys to values")
        )
    try:
        return StageSettings.model_validate({**values, "stage": stage})
    except ValidationError as error:
        raise ConfigError(*(_describe_problem(str(path), problem) for problem in error.errors())) from error


def _describe_problem(file: str, error: ErrorDetails) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return Problem(
            file=file, path=path, message="unknown key", hint="see infra/settings/model.py for the keys"
        )
    found = "" if error["type"] in {"missing", "value_error"} else f", found {error['input']!r}"
    return Problem(file=file, path=path, message=f"{error['msg']}{found}")

"""What a stage may set, as a frozen model; ``<stage>.yaml`` beside this file fills it.

A name or value that is not accepted is reported with its file, key and what to write instead, before any
template is written.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeGuard, get_args

import yaml
from pydantic import AfterValidator, StringConstraints, ValidationError, model_validator

from infra.settings.page_sections import UploadsApiSettings, WebSettings
from infra.settings.sections import (
    AirflowSettings,
    AlertsSettings,
    ApiSettings,
    EcrSettings,
    EmrSettings,
    InvokeSettings,
    LogsSettings,
    NetworkSettings,
    Section,
    UploadsSettings,
)
from sparkdrop.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SETTINGS_DIR = Path(__file__).parent
PRODUCTION = "prod"

# What a tag's value may hold: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
TagValue = Annotated[str, StringConstraints(pattern=r"^[\w .:/=+\-@]+$", max_length=256)]
# The stage is a part of every stack's name: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
StageName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,19}$")]


def _check_region(value: str) -> str:
    # botocore knows every region without asking; its import is half a second, paid only where one is named
    import botocore.session

    known = {
        region
        for partition in ("aws", "aws-cn", "aws-us-gov")
        for region in botocore.session.get_session().get_available_regions("emr", partition)
    }
    if value not in known:
        nearest = ", ".join(get_close_matches(value, sorted(known), n=2, cutoff=0.3)) or "us-east-1"
        raise ValueError(f"EMR has no region {value!r}; nearest: {nearest}")
    return value


class StageSettings(Section):
    """One stage of the deployment.

    Attributes:
        stage: The settings file's stem; a part of each stack's name.
        owner: Tag ``owner`` of every resource: who to ask.
        cost_centre: Tag ``cost-centre`` of every resource: who pays.
        region: Where to deploy; None takes the region of the CDK CLI's profile.
        destroy_data: The first of two switches that let ``cdk destroy`` delete the buckets and the ledger.
            The second is the context value ``destroy-data=<stage>`` on the command line. Never accepted for
            production.
        encryption: "s3" for keys that AWS keeps (free), "kms" for keys of one's own, which are on record at
            each use and can be taken away, for buckets, alerts and images: 3 USD a month, and their calls.
        network: See :class:`NetworkSettings`; so the others, each by its name.
    """

    stage: StageName
    owner: TagValue
    cost_centre: TagValue
    region: Annotated[str, AfterValidator(_check_region)] | None = None
    destroy_data: bool = False
    encryption: Literal["s3", "kms"] = "s3"
    network: NetworkSettings = NetworkSettings()
    uploads: UploadsSettings = UploadsSettings()
    logs: LogsSettings = LogsSettings()
    alerts: AlertsSettings = AlertsSettings()
    ecr: EcrSettings = EcrSettings()
    emr: EmrSettings = EmrSettings()
    invoke: InvokeSettings = InvokeSettings()
    uploads_api: UploadsApiSettings = UploadsApiSettings()
    api: ApiSettings = ApiSettings()
    web: WebSettings = WebSettings()
    airflow: AirflowSettings = AirflowSettings()

    @property
    def page_origins(self) -> tuple[str, ...]:
        """Origins of the pages that sign in, call the API and put files: the stage's own, and those named."""
        domain = self.web.domain if self.web.enabled else None
        own = () if domain is None else (f"https://{domain.name}",)
        return tuple(dict.fromkeys((*own, *self.uploads.cors_origins)))

    @model_validator(mode="after")
    def _keep_production_data(self) -> Self:
        if self.stage == PRODUCTION and self.destroy_data:
            raise ValueError("destroy_data is true, but production keeps its data: take it out of this file")
        return self

    @model_validator(mode="after")
    def _let_the_page_sign_in(self) -> Self:
        if self.web.enabled and self.api.authorizer != "cognito":
            raise ValueError("web.enabled is true, but nobody could sign in: set api.authorizer: cognito")
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
        near = get_close_matches(str(error["loc"][-1]), _list_keys(error["loc"][:-1]), n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return Problem(file=file, path=path, message="unknown key", hint=f"{meant}docs/infra.md has them all")
    if error["type"] == "value_error":
        return Problem(file=file, path=path, message=str(error["ctx"]["error"]))
    found = "" if error["type"] == "missing" else f", found {error['input']!r}"
    return Problem(file=file, path=path, message=f"{error['msg']}{found}")


def _list_keys(section: tuple[int | str, ...]) -> list[str]:
    """The keys of a section, as they may stand in a settings file."""
    model: type[Section] = StageSettings
    for name in section:
        annotation = model.model_fields[str(name)].annotation
        (model,) = [one for one in (annotation, *get_args(annotation)) if _is_section(one)]
    return [name for name in model.model_fields if name != "stage"]


def _is_section(annotation: object) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)

"""The names of one deployment's resources: buckets, queue, table, roles.

They come from the environment, where the stacks' outputs (or the local system) put them. Nothing is read at
import: whoever needs a deployment passes the environment in.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from sparkdrop.core.errors import ConfigError, Problem
from sparkdrop.core.quantities import Duration  # noqa: TC001 - pydantic reads it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

PREFIX = "SPARKDROP_"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

# EMR takes groups of ours for all nodes or for none, and the service's own only beside them:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
_NODE_GROUPS = ("emr_primary_security_group", "emr_core_security_group")
_SERVICE_GROUP = "emr_service_access_security_group"


class Deployment(BaseModel):
    """Where one deployment keeps its things.

    Attributes:
        uploads_bucket: Where files land.
        curated_bucket: Where Spark's output and the rejected rows go.
        artifacts_bucket: Spark programs, manifests and reports.
        logs_bucket: EMR's LogUri.
        arrivals_queue_url: The SQS queue that S3's events end in.
        ledger_table: The DynamoDB table of uploads and batches.
        emr_service_role: Name or ARN of EMR's service role.
        emr_instance_profile: Name or ARN of the nodes' instance profile.
        emr_subnet_id: The subnet of transient job flows; None lets EMR choose.
        emr_primary_security_group: EMR's managed security group of primary nodes; None lets EMR make its own.
        emr_core_security_group: That of core and task nodes.
        emr_service_access_security_group: That of EMR's service, for nodes in a private subnet.
        emr_security_configuration: EMR's security configuration of job flows; None asks for none.
        config_dir: The folder of pipeline files.
        jobs_dir: The folder of Spark programs.
        spark_dependencies: The URI of the archives that hold what Spark programs import, ``{platform}`` in it
            for the nodes' processor; None where the nodes' image has it.
        airflow_url: Where people reach Airflow's UI; None where it is not known.
        sweep_schedule: Cron of the maintenance DAG's sweep.
        reap_after: The age from which a cluster is ended of whose batch nothing is on record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uploads_bucket: Name
    curated_bucket: Name
    artifacts_bucket: Name
    logs_bucket: Name
    arrivals_queue_url: Name
    ledger_table: Name
    emr_service_role: Name
    emr_instance_profile: Name
    emr_subnet_id: Name | None = None
    emr_primary_security_group: Name | None = None
    emr_core_security_group: Name | None = None
    emr_service_access_security_group: Name | None = None
    emr_security_configuration: Name | None = None
    config_dir: Name = "include/emr_configs"
    jobs_dir: Name = "include/spark_jobs"
    spark_dependencies: Name | None = None
    airflow_url: Name | None = None
    sweep_schedule: Name = "*/5 * * * *"
    reap_after: Duration = timedelta(minutes=10)

    @model_validator(mode="after")
    def _check_security_groups(self) -> Self:
        missing = _list_missing_groups(self.model_dump())
        if missing:
            raise ValueError(f"security groups of EMR go together, and {', '.join(missing)} is not set")
        return self

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Deployment:
        """Read a deployment from ``SPARKDROP_*`` names; an empty value counts as not set.

        Raises:
            ConfigError: Names are missing, or a security group that goes with another, or a value cannot be
                read; every one of a kind is named at once.
        """
        values = {field: environment.get(environment_name(field), "").strip() for field in cls.model_fields}
        missing = [
            field for field, info in cls.model_fields.items() if info.is_required() and not values[field]
        ]
        problems = [_missing(environment_name(field)) for field in missing]
        problems += [_missing_group(environment_name(field)) for field in _list_missing_groups(values)]
        if problems:
            raise ConfigError(*problems)
        try:
            return cls.model_validate({field: value for field, value in values.items() if value})
        except ValidationError as error:
            raise ConfigError(*map(_unreadable, error.errors(include_url=False))) from error

    def to_environment(self) -> dict[str, str]:
        """Give the names back as ``from_environment`` reads them; what is None is left out."""
        return {
            environment_name(field): value for field, value in self.model_dump().items() if value is not None
        }


def environment_name(field: str) -> str:
    """Name the environment variable of a field: ``uploads_bucket`` is ``SPARKDROP_UPLOADS_BUCKET``."""
    return PREFIX + field.upper()


def read_outputs(outputs: Mapping[str, str]) -> dict[str, str]:
    """Turn the stacks' outputs into an environment: ``UploadsBucket`` is a field's name in camels.

    Args:
        outputs: Of all stacks, by their names; what no field is called is left out.
    """
    fields = {_to_camels(field): field for field in Deployment.model_fields}
    return {environment_name(fields[name]): value for name, value in outputs.items() if name in fields}


def _to_camels(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))


def _missing(name: str) -> Problem:
    hint = 'set it from the stacks\' outputs, or on one machine: eval "$(sparkdrop local env)"'
    return Problem(file="environment", path=name, message="is not set", hint=hint)


def _unreadable(detail: ErrorDetails) -> Problem:
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    return Problem(
        file="environment", path=environment_name("_".join(map(str, detail["loc"]))), message=message
    )


def _list_missing_groups(values: Mapping[str, str | None]) -> list[str]:
    given = any(values.get(field) for field in (*_NODE_GROUPS, _SERVICE_GROUP))
    return [field for field in _NODE_GROUPS if given and not values.get(field)]


def _missing_group(name: str) -> Problem:
    hint = "EMR takes security groups for all nodes or for none: set it too, or unset the others"
    return Problem(file="environment", path=name, message="is not set, but another one is", hint=hint)

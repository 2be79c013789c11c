"""What no stack brings to the artifacts bucket: Spark programs, their dependencies, the pipelines."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.packaging.spark_dependencies import build_dependencies, hash_requirements
from infra.tools.cdk_cli import REPOSITORY
from infra.tools.errors import ToolError
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.storage import Storage
from sparkdrop.configs import load_configs
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.spark_dependencies import PLATFORMS, choose_archive, locate_dependencies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.tools.account import Account

FOLDERS = {"SPARKDROP_CONFIG_DIR": "include/emr_configs", "SPARKDROP_JOBS_DIR": "include/spark_jobs"}
REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What lies in the artifacts bucket now.

    Attributes:
        programs: The Spark programs' URIs, each once.
        dependencies: The archives of what the Spark programs import, a URI with ``{platform}`` in it; None
            where they need none.
        changes: What is new in the list of pipelines that the API answers from, a line each.
    """

    programs: tuple[str, ...]
    dependencies: str | None
    changes: tuple[str, ...]


def complete_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Add to a deployment's settings the folders of this repository, or those that the environment names."""
    folders = {name: os.environ.get(name) or str(REPOSITORY / folder) for name, folder in FOLDERS.items()}
    return {**folders, **settings}


def deliver(account: Account, settings: Mapping[str, str]) -> Delivery:
    """Upload what the pipelines need; what is there already stays.

    Args:
        account: Where to.
        settings: The deployment's ``SPARKDROP_*``.

    Raises:
        ConfigError: A setting of the deployment is missing.
        DependenciesError: What the Spark programs import cannot be packed.
        ToolError: A pipeline file does not load.
    """
    environment = complete_environment(settings)
    deployment = Deployment.from_environment(environment)
    loaded = load_configs(deployment.config_dir, jobs_dir=deployment.jobs_dir)
    if loaded.errors:
        lines = [str(problem) for error in loaded.errors.values() for problem in error.problems]
        raise ToolError("\n".join(["pipeline files do not load, so nothing was uploaded:", *lines]))
    storage = Storage(client=account.make_client("s3"))
    programs = {
        storage.ensure_program(pipeline, deployment).uri
        for pipeline in loaded.pipelines.values()
        if pipeline.job.is_shipped
    }
    dependencies = _deliver_dependencies(storage.client, deployment)
    changes = publish_pipelines(storage.client, deployment.artifacts_bucket, loaded.pipelines.values())
    return Delivery(tuple(sorted(programs)), dependencies, tuple(changes))


def _deliver_dependencies(client: Any, deployment: Deployment) -> str | None:  # noqa: ANN401 - boto3's
    """Pack and upload for both kinds of processor what is not there; what is there is never written again."""
    requirements = Path(deployment.jobs_dir, REQUIREMENTS)
    digest = hash_requirements(requirements) if requirements.is_file() else None
    if digest is None:
        return None
    bucket = deployment.artifacts_bucket
    place = locate_dependencies(bucket, digest)
    for platform in PLATFORMS:
        key = choose_archive(place, platform).removeprefix(f"s3://{bucket}/")
        if _is_there(client, bucket, key):
            continue
        with tempfile.TemporaryDirectory() as folder:
            packed = build_dependencies(requirements, Path(folder), platform)
            client.upload_file(str(packed), bucket, key)
    return place


def _is_there(client: Any, bucket: str, key: str) -> bool:  # noqa: ANN401 - boto3's
    try:
        client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True

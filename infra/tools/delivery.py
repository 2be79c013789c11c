"""What no stack brings to the artifacts bucket: Spark programs, their dependencies, the pipelines."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.packaging.spark_dependencies import PREFIX, build_dependencies
from infra.tools.cdk_cli import REPOSITORY
from infra.tools.errors import ToolError
from sparkdrop.aws.catalog import publish_pipelines
from sparkdrop.aws.storage import Storage
from sparkdrop.configs import load_configs
from sparkdrop.core.deployment import Deployment

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
        dependencies: The packed Python dependencies of the Spark programs; None where they need none.
        changes: What is new in the list of pipelines that the API answers from, a line each.
    """

    programs: tuple[str, ...]
    dependencies: str | None
    changes: tuple[str, ...]


def complete_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Add to a deployment's settings the folders of this repository, or those that the environment names."""
    folders = {name: os.environ.get(name) or str(REPOSITORY / folder) for name, folder in FOLDERS.items()}
    return {**folders, **settings}


def deliver(account: Account, settings: Mapping[str, str], *, platform: str) -> Delivery:
    """Upload what the pipelines need; what is there already stays.

    Args:
        account: Where to.
        settings: The deployment's ``SPARKDROP_*``.
        platform: The processors of the nodes, for packed dependencies.

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
    dependencies = _deliver_dependencies(storage.client, deployment, platform)
    changes = publish_pipelines(storage.client, deployment.artifacts_bucket, loaded.pipelines.values())
    return Delivery(tuple(sorted(programs)), dependencies, tuple(changes))


def _deliver_dependencies(client: Any, deployment: Deployment, platform: str) -> str | None:  # noqa: ANN401 - boto3's
    requirements = Path(deployment.jobs_dir, REQUIREMENTS)
    if not requirements.is_file():
        return None
    with tempfile.TemporaryDirectory() as folder:
        packed = build_dependencies(requirements, Path(folder), platform)
        if packed is None:
            return None
        key = f"{PREFIX}{packed.name}"
        client.upload_file(str(packed), deployment.artifacts_bucket, key)
    return f"s3://{deployment.artifacts_bucket}/{key}"

"""Which deployment a command means, and how it says that AWS refuses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sparkdrop.cli.output import WRONG_USAGE, fail

if TYPE_CHECKING:
    from sparkdrop.aws.ledger import Ledger
    from sparkdrop.core.config import LoadedConfigs
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.errors import ConfigError


@dataclass(frozen=True)
class Target:
    """The deployment that the environment names, and the pipelines that it is told of."""

    deployment: "Deployment"

    @cached_property
    def configs(self) -> "LoadedConfigs":
        """Its pipeline files."""
        from sparkdrop.configs import load_configs

        return load_configs(self.deployment.config_dir)

    @cached_property
    def ledger(self) -> "Ledger":
        """Its ledger."""
        from sparkdrop.aws.ledger import Ledger

        return Ledger(self.deployment.ledger_table)

    @property
    def pipeline_names(self) -> list[str]:
        """Every pipeline's name, those with a file that is wrong just now included."""
        return [*self.configs.pipelines, *(Path(file).stem for file in self.configs.errors)]


def open_target() -> Target:
    """Find the deployment that the ``SPARKDROP_*`` names of the environment mean; exit 2 where none is."""
    # imports stay inside: boto3 and pydantic cost half a second, which `--help` need not pay
    from sparkdrop.core.deployment import Deployment
    from sparkdrop.core.errors import ConfigError

    try:
        return Target(Deployment.from_environment(os.environ))
    except ConfigError as error:
        raise fail(f"no deployment is named: {_describe(error)}", code=WRONG_USAGE) from error


def _describe(error: "ConfigError") -> str:
    """Name what is wrong in one line; names of which the same is wrong share it."""
    names: dict[tuple[str, str], list[str]] = {}
    for problem in error.problems:
        names.setdefault((problem.message, problem.hint), []).append(problem.path)
    return "; ".join(
        f"{', '.join(paths)} {message}" + (f" ({hint})" if hint else "")
        for (message, hint), paths in names.items()
    )


@contextmanager
def explain_aws() -> Iterator[None]:
    """Turn what AWS refuses, or that it is out of reach, into one line and exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        where = os.environ.get("AWS_ENDPOINT_URL")
        raise fail(f"AWS: {error}" + (f" (AWS_ENDPOINT_URL is {where})" if where else "")) from error

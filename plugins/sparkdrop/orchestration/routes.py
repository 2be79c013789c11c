"""The pipelines as this process knows them, read again when a pipeline file changes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from airflow.sdk import Variable

from sparkdrop.configs import LoadedConfigs, load_configs, look_up_environment
from sparkdrop.core.deployment import Deployment
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.routing import Router
from sparkdrop.core.variables import Source

Signature = tuple[tuple[str, int, int], ...]


def look_up(source: Source, name: str) -> str | None:
    """Answer a pipeline file's variables: from the environment, or from Airflow."""
    if source == "environment":
        return look_up_environment(source, name)
    value: str | None = Variable.get(name, default=None)
    return value


def load_pipelines(deployment: Deployment) -> LoadedConfigs:
    """Load the deployment's pipeline files."""
    return load_configs(deployment.config_dir, jobs_dir=deployment.jobs_dir, lookup=look_up)


class Routes:
    """The pipelines, and which one an object belongs to; a changed file counts from the next call on."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._signature: Signature | None = None
        self._has_errors = False
        self._pipelines: Mapping[str, Pipeline] = {}
        self._route: Callable[[str, str], str | None] = Router((), "").route

    def route(self, bucket: str, key: str) -> str | None:
        """Name the pipeline of an object, as the files are now."""
        return self.read()(bucket, key)

    def read(self) -> Callable[[str, str], str | None]:
        """Answer the routing function of the files as they are now."""
        self._load()
        return self._route

    def read_pipelines(self) -> Mapping[str, Pipeline]:
        """Answer the pipelines as the files are now, by name.

        Where a file cannot be used they are loaded anew: what it lacks may be a variable that is there now.
        """
        if self._has_errors:
            self._signature = None
        self._load()
        return self._pipelines

    def _load(self) -> None:
        signature = _read_signature(Path(self._deployment.config_dir))
        if signature == self._signature:
            return
        loaded = load_pipelines(self._deployment)
        self._pipelines = loaded.pipelines
        self._route = Router(loaded.pipelines.values(), self._deployment.uploads_bucket).route
        self._has_errors = bool(loaded.errors)
        self._signature = signature


def _read_signature(folder: Path) -> Signature:
    found = [(path, path.stat()) for path in folder.glob("*.y*ml")]
    return tuple(sorted((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in found))

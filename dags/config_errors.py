"""No Airflow DAG: an import error here tells which pipeline files are bad, and how to mend them."""

from sparkdrop.core.errors import ConfigError
from sparkdrop.orchestration.routes import load_pipelines
from sparkdrop.orchestration.services import get_deployment

errors = load_pipelines(get_deployment()).errors.values()
if errors:
    raise ConfigError(*(problem for error in errors for problem in error.problems))

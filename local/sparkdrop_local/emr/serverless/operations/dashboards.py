"""Dashboards: what they would show is there, but no URL that would open it."""

from collections.abc import Mapping
from typing import Any, NoReturn

from sparkdrop_local.emr.errors import not_found, validation
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.operations.runs import find_attempt, find_run
from sparkdrop_local.emr.serverless.registry import Registry


def get_dashboard_for_job_run(registry: Registry, parameters: Mapping[str, Any]) -> NoReturn:
    """Refuse: a URL that nothing answers would be worse than none."""
    run = find_run(registry, parameters)
    find_attempt(run, parameters.get("attempt"))
    raise validation(words.NO_DASHBOARD.format(id=run.id))


def get_resource_dashboard(registry: Registry, parameters: Mapping[str, Any]) -> NoReturn:
    """Refuse: the only resource with such a dashboard is a session, and there is none."""
    registry.find_application(parameters["applicationId"])
    raise not_found(words.NO_SESSION.format(id=parameters["resourceId"]))


OPERATIONS = {
    "GetDashboardForJobRun": get_dashboard_for_job_run,
    "GetResourceDashboard": get_resource_dashboard,
}

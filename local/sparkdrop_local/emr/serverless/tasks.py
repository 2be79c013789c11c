"""What a job run runs as: its task for a process, with EMR Serverless's places of logs."""

import shlex
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.jobs.commands import Command, CommandError, parse_submission
from sparkdrop_local.emr.jobs.task import JobTask
from sparkdrop_local.emr.serverless.capacity import Workers, plan_workers, read_conf
from sparkdrop_local.emr.serverless.records import Application, JobRun

_DRIVER_LOGS = ("stdout", "stderr")
_DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."


def build_task(application: Application, run: JobRun) -> JobTask:
    """Build the task of a job run's latest attempt."""
    driver = run.request["jobDriver"]["sparkSubmit"]
    names = (run.request.get("name"), run.id, application.request.get("name"), application.id)
    return JobTask(
        folder=f"{application.id}/{run.id}/{run.attempt.number}",
        names=tuple(name for name in names if name),
        line=f"spark-submit {driver.get('sparkSubmitParameters', '')} {driver['entryPoint']}",
        build_command=lambda: _build_command(driver),
        log_uris=_log_uris(run),
        configurations=_configurations(run),
        environment={
            key.removeprefix(_DRIVER_ENVIRONMENT): value
            for key, value in _read_conf(run).items()
            if key.startswith(_DRIVER_ENVIRONMENT)
        },
    )


def plan_run(run: JobRun) -> Workers:
    """Plan the workers of a job run."""
    return plan_workers(_read_conf(run))


def _build_command(driver: Mapping[str, Any]) -> Command:
    try:
        parameters = shlex.split(driver.get("sparkSubmitParameters") or "")
    except ValueError as error:
        raise CommandError("Unknown Error.", f"spark-submit: {error} in sparkSubmitParameters") from error
    return parse_submission([*parameters, driver["entryPoint"], *(driver.get("entryPointArguments") or ())])


def _read_conf(run: JobRun) -> dict[str, str]:
    """Collect the Spark settings of a job run, those of its application first."""
    defaults: dict[str, str] = {}
    for configuration in _configurations(run):
        if configuration["Classification"] == "spark-defaults":
            defaults |= configuration["Properties"]
    try:
        parameters = shlex.split(run.request["jobDriver"]["sparkSubmit"].get("sparkSubmitParameters") or "")
    except ValueError:  # the run itself will tell of it
        parameters = []
    return read_conf(defaults, parameters)


def _log_uris(run: JobRun) -> dict[str, str]:
    """Tell where the driver's logs go; a run that is retried has a folder for each attempt.

    On one machine Spark's executors are threads of its driver: there are no logs of SPARK_EXECUTOR.
    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/rotating-logs.html
    """
    overrides = run.request.get("configurationOverrides") or {}
    for monitoring in (
        overrides.get("monitoringConfiguration"),
        run.inherited.get("monitoringConfiguration"),
    ):
        uri = ((monitoring or {}).get("s3MonitoringConfiguration") or {}).get("logUri")
        if uri:
            attempt = f"attempts/{run.attempt.number}/" if run.request.get("retryPolicy") else ""
            folder = (
                f"{uri.rstrip('/')}/applications/{run.application_id}/jobs/{run.id}/{attempt}SPARK_DRIVER"
            )
            return {name: f"{folder}/{name}.gz" for name in _DRIVER_LOGS}
    return {}


def _configurations(run: JobRun) -> tuple[dict[str, Any], ...]:
    """Give the application's configurations, then the run's own, spelled as EMR on EC2 spells them."""
    overrides = run.request.get("configurationOverrides") or {}
    found = [
        *(run.inherited.get("runtimeConfiguration") or ()),
        *(overrides.get("applicationConfiguration") or ()),
    ]
    return tuple(_spell(configuration) for configuration in found)


def _spell(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Classification": configuration["classification"],
        "Properties": dict(configuration.get("properties") or {}),
        "Configurations": [_spell(inner) for inner in configuration.get("configurations") or ()],
    }

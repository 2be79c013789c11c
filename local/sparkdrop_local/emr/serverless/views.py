"""Applications and job runs as EMR Serverless's answers describe them. Pure: the caller holds the lock."""

import math
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.serverless.capacity import Resources
from sparkdrop_local.emr.serverless.records import Application, Attempt, JobRun
from sparkdrop_local.emr.serverless.words import DEFAULT_IDLE_MINUTES

# what an application's description repeats of its request, as it was
_ECHOED = (
    "diskEncryptionConfiguration", "identityCenterConfiguration", "imageConfiguration", "initialCapacity",
    "interactiveConfiguration", "jobLevelCostAllocationConfiguration", "maximumCapacity",
    "monitoringConfiguration", "networkConfiguration", "runtimeConfiguration", "schedulerConfiguration",
    "workerTypeSpecifications",
)  # fmt: skip
_ECHOED_OF_RUN = ("configurationOverrides", "executionIamPolicy", "jobDriver", "retryPolicy")
_INHERITED = ("imageConfiguration", "networkConfiguration", "workerTypeSpecifications")
_LEAST_BILLED_SECONDS = 60
_SECONDS_PER_HOUR = 3_600
_FREE_DISK_GB = 20


def build_application_summary(application: Application) -> dict[str, Any]:
    """Describe an application as ListApplications does."""
    return {"id": application.id, **_describe(application)}


def build_application(application: Application) -> dict[str, Any]:
    """Describe an application as GetApplication does."""
    request = application.request
    idle = {"enabled": True, "idleTimeoutMinutes": DEFAULT_IDLE_MINUTES}
    return {
        "applicationId": application.id,
        **_describe(application),
        **{name: request.get(name) or None for name in _ECHOED},
        "autoStartConfiguration": {"enabled": application.starts_by_itself},
        "autoStopConfiguration": {**idle, **(request.get("autoStopConfiguration") or {})},
        "tags": application.tags,
    }


def build_run_summary(run: JobRun) -> dict[str, Any]:
    """Describe a job run as ListJobRuns does."""
    return {
        "id": run.id,
        **_describe_run(run, run.attempt),
        "createdAt": _round(run.created),
        "updatedAt": _round(run.attempt.updated),
        "attemptCreatedAt": _round(run.attempt.created),
        "attemptUpdatedAt": _round(run.attempt.updated),
        "type": "Spark",
    }


def build_attempt_summary(run: JobRun, attempt: Attempt) -> dict[str, Any]:
    """Describe an attempt as ListJobRunAttempts does."""
    return {
        "id": run.id,
        **_describe_run(run, attempt),
        "jobCreatedAt": _round(run.created),
        "createdAt": _round(attempt.created),
        "updatedAt": _round(attempt.updated),
        "type": "Spark",
    }


def build_run(run: JobRun, attempt: Attempt) -> dict[str, Any]:
    """Describe a job run as GetJobRun does, by one of its attempts."""
    request = run.request
    return {
        "jobRunId": run.id,
        **_describe_run(run, attempt),
        **{name: request.get(name) for name in _ECHOED_OF_RUN},
        **{name: run.inherited.get(name) or None for name in _INHERITED},
        **(_describe_end(run) if run.state.is_final else {}),
        "createdAt": _round(run.created),
        "updatedAt": _round(attempt.updated),
        "executionTimeoutMinutes": request["executionTimeoutMinutes"],
        "attemptCreatedAt": _round(attempt.created),
        "attemptUpdatedAt": _round(attempt.updated),
        "startedAt": _round(attempt.started),
        "endedAt": _round(attempt.ended),
        "queuedDurationMilliseconds": round(run.queued_seconds * 1000),
        "tags": run.tags,
    }


def _describe(application: Application) -> dict[str, Any]:
    request = application.request
    return {
        "name": request.get("name"),
        "arn": application.arn,
        "releaseLabel": request["releaseLabel"],
        "type": request["type"],
        "state": application.state,
        "createdAt": _round(application.created),
        "updatedAt": _round(application.updated),
        "architecture": request.get("architecture") or "X86_64",
    }


def _describe_run(run: JobRun, attempt: Attempt) -> dict[str, Any]:
    return {
        "applicationId": run.application_id,
        "name": run.request.get("name"),
        "arn": run.arn,
        "createdBy": run.created_by,
        "executionRole": run.request["executionRoleArn"],
        "mode": run.mode,
        "releaseLabel": run.inherited["releaseLabel"],
        "state": attempt.state,
        "stateDetails": attempt.details,
        "attempt": attempt.number,
    }


def _describe_end(run: JobRun) -> dict[str, Any]:
    """Tell what a job run took: its workers for as long as it ran, rounded up to seconds.

    Billed is a minute at the least, and of the disk what each worker has above 20 GB; EMR counts the workers
    that it started, this EMR those that the job run asked for:
    https://docs.aws.amazon.com/emr-serverless/latest/APIReference/API_JobRun.html
    """
    seconds = math.ceil(run.running_seconds)
    billed = max(seconds, _LEAST_BILLED_SECONDS) if seconds else 0
    paid_disk = max(run.held.disk - _FREE_DISK_GB * run.workers, 0)
    return {
        "totalExecutionDurationSeconds": seconds,
        "totalResourceUtilization": _utilization(run.held, seconds),
        "billedResourceUtilization": _utilization(
            Resources(run.held.cpu, run.held.memory, paid_disk), billed
        ),
    }


def _utilization(resources: Resources, seconds: int) -> Mapping[str, float]:
    hours = seconds / _SECONDS_PER_HOUR
    return {
        "vCPUHour": round(resources.cpu * hours, 3),
        "memoryGBHour": round(resources.memory * hours, 3),
        "storageGBHour": round(resources.disk * hours, 3),
    }


def _round(seconds: float | None) -> float | None:
    """JSON has times as seconds since the epoch."""
    return None if seconds is None else round(seconds, 3)

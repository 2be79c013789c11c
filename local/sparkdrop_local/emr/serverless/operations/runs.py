"""Job runs: start, get, list, cancel, and their attempts."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.errors import not_found, validation
from sparkdrop_local.emr.paging import PAGE_SIZE, take_page
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.operations.applications import find_in_state
from sparkdrop_local.emr.serverless.records import Attempt, JobRun
from sparkdrop_local.emr.serverless.registry import Registry
from sparkdrop_local.emr.serverless.releases import check_timeout
from sparkdrop_local.emr.serverless.views import build_attempt_summary, build_run, build_run_summary
from sparkdrop_local.emr.serverless.words import ApplicationState, RunState

_GRACE_SECONDS = (15, 1_800)


def start_job_run(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Start a job run on an application that is started, or that a job run starts."""
    application = registry.find_application(parameters["applicationId"])
    states = words.LIVE if application.starts_by_itself else (ApplicationState.STARTED,)
    find_in_state(registry, application.id, *states)
    driver = parameters.get("jobDriver") or {}
    if "sparkSubmit" not in driver:
        given = next(iter(driver), "none")
        raise validation(
            f"A job run on an application of type Spark needs the job driver sparkSubmit, not {given}."
        )
    mode = parameters.get("mode") or "BATCH"
    minutes = check_timeout(
        application.request["releaseLabel"], mode, parameters.get("executionTimeoutMinutes")
    )
    run = registry.add_run(application, {**parameters, "executionTimeoutMinutes": minutes})
    return {"applicationId": application.id, "jobRunId": run.id, "arn": run.arn}


def get_job_run(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a job run, by its latest attempt or another one."""
    run = find_run(registry, parameters)
    return {"jobRun": build_run(run, find_attempt(run, parameters.get("attempt")))}


def list_job_runs(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List an application's job runs by state, mode and time, newest first."""
    application = registry.find_application(parameters["applicationId"])
    states, mode = parameters.get("states"), parameters.get("mode")
    after, before = parameters.get("createdAtAfter"), parameters.get("createdAtBefore")

    def matches(run: JobRun) -> bool:
        created = round(run.created, 3)  # as it is told, so that a client may ask with what it was told
        return (
            (not states or run.state in states)
            and (mode is None or run.mode == mode)
            and (after is None or created >= after)
            and (before is None or created <= before)
        )

    page, token = take_page(
        list(reversed(application.runs.values())),
        parameters.get("nextToken"),
        lambda run: run.id,
        matches=matches,
        size=parameters.get("maxResults", PAGE_SIZE),
        refuse=validation,
    )
    return {"jobRuns": [build_run_summary(run) for run in page], "nextToken": token}


def list_job_run_attempts(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a job run's attempts, oldest first."""
    run = find_run(registry, parameters)
    page, token = take_page(
        run.attempts,
        parameters.get("nextToken"),
        lambda attempt: str(attempt.number),
        size=parameters.get("maxResults", PAGE_SIZE),
        refuse=validation,
    )
    return {"jobRunAttempts": [build_attempt_summary(run, attempt) for attempt in page], "nextToken": token}


def cancel_job_run(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Cancel a job run that is not over; one that is being cancelled goes on being so.

    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/job-cancellation-grace-period.html
    """
    application = registry.find_application(parameters["applicationId"])
    run = registry.find_run(application, parameters["jobRunId"])
    if run.state in (RunState.SUCCESS, RunState.FAILED):
        raise validation(words.OVER.format(id=run.id, state=run.state))
    grace = parameters.get("shutdownGracePeriodInSeconds")
    if grace is None:
        grace = words.DEFAULT_STREAMING_GRACE_SECONDS if run.mode == "STREAMING" else 0
    least, most = _GRACE_SECONDS
    if grace and not least <= grace <= most:
        raise validation(
            f"shutdownGracePeriodInSeconds must be 0, or between {least} and {most}, not {grace}."
        )
    registry.lifecycle.cancel(application, run, why=words.DETAILS[RunState.CANCELLED], grace_seconds=grace)
    return {"applicationId": application.id, "jobRunId": run.id}


def find_run(registry: Registry, parameters: Mapping[str, Any]) -> JobRun:
    """Find the job run that a request names, or raise ResourceNotFoundException."""
    application = registry.find_application(parameters["applicationId"])
    return registry.find_run(application, parameters["jobRunId"])


def find_attempt(run: JobRun, number: int | None) -> Attempt:
    """Find an attempt of a job run, its latest one by default, or raise ResourceNotFoundException."""
    if number is None:
        return run.attempt
    if number > len(run.attempts):
        raise not_found(f"Attempt {number} of JobRun {run.id} does not exist")
    return run.attempts[number - 1]


OPERATIONS = {
    "StartJobRun": start_job_run,
    "GetJobRun": get_job_run,
    "ListJobRuns": list_job_runs,
    "ListJobRunAttempts": list_job_run_attempts,
    "CancelJobRun": cancel_job_run,
}

"""Applications and job runs that change, as EMR Serverless's events tell of them.

https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/using-eventbridge.html
"""

from datetime import UTC, datetime
from typing import Any

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.events import Event
from sparkdrop_local.emr.serverless.records import Application, JobRun
from sparkdrop_local.emr.serverless.words import RunState

_SOURCE = "aws.emr-serverless"


def announce_application(context: EmrContext, application: Application) -> None:
    """Tell of an application's new state."""
    detail: dict[str, Any] = {
        "applicationId": application.id,
        "applicationName": application.request.get("name", ""),
        "arn": application.arn,
        "releaseLabel": application.request["releaseLabel"],
        "state": application.state,
        "type": str(application.request["type"]).upper(),
        "createdAt": _format(application.created),
        "updatedAt": _format(application.updated),
        "autoStopConfig": {
            "enabled": application.idle_minutes is not None,
            "idleTimeout": application.idle_minutes,
        },
        "autoStartConfig": {"enabled": application.starts_by_itself},
    }
    _publish(context, "EMR Serverless Application State Change", detail)


def announce_run(context: EmrContext, run: JobRun, previous: RunState | None) -> None:
    """Tell of a job run's new state; a new one has no previous state."""
    detail = {**_describe(run), "state": run.state, "updatedAt": _format(run.attempt.updated)}
    if previous is not None:
        detail["previousState"] = previous
    _publish(context, "EMR Serverless Job Run State Change", detail)


def announce_retry(context: EmrContext, run: JobRun) -> None:
    """Tell of a job run's new attempt."""
    failed, new = run.attempts[-2:]
    detail = {
        **_describe(run),
        "updatedAt": _format(new.updated),
        "previousAttempt": failed.number,
        "previousAttemptState": failed.state,
        "previousAttemptCreatedAt": _format(failed.created),
        "previousAttemptEndedAt": _format(failed.updated),
        "newAttempt": new.number,
        "newAttemptCreatedAt": _format(new.created),
    }
    _publish(context, "EMR Serverless Job Run Retry", detail)


def _describe(run: JobRun) -> dict[str, Any]:
    return {
        "jobRunId": run.id,
        "applicationId": run.application_id,
        "arn": run.arn,
        "releaseLabel": run.inherited["releaseLabel"],
        "createdBy": run.created_by,
        "createdAt": _format(run.created),
    }


def _publish(context: EmrContext, detail_type: str, detail: dict[str, Any]) -> None:
    context.events.publish(Event(_SOURCE, detail_type, detail, context.clock.now()))


def _format(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

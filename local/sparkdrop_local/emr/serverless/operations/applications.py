"""Applications: create, get, list, update, delete, start, stop."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.errors import EmrError, validation
from sparkdrop_local.emr.paging import PAGE_SIZE, take_page
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.capacity import find_exceeded, sum_initial
from sparkdrop_local.emr.serverless.records import Application
from sparkdrop_local.emr.serverless.registry import Registry
from sparkdrop_local.emr.serverless.releases import check_release, complete_scheduler
from sparkdrop_local.emr.serverless.views import build_application, build_application_summary
from sparkdrop_local.emr.serverless.words import ApplicationState

_NOT_UPDATED = ("applicationId", "clientToken")


def create_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Make an application."""
    engine = str(parameters["type"])
    if engine.upper() == "HIVE":
        raise validation(words.ONLY_SPARK.format(type=engine))
    if engine.upper() != "SPARK":
        raise validation(words.UNSUPPORTED_ENGINE.format(type=engine))
    check_release(engine, parameters["releaseLabel"])
    request = {**parameters, "type": "Spark"}
    application = registry.add_application(_check(request))
    return {
        "applicationId": application.id,
        "arn": application.arn,
        "name": application.request.get("name"),
    }


def get_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an application."""
    return {"application": build_application(registry.find_application(parameters["applicationId"]))}


def list_applications(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List applications by state, newest first."""
    states = parameters.get("states")
    page, token = take_page(
        registry.list_applications(),
        parameters.get("nextToken"),
        lambda application: application.id,
        matches=lambda application: not states or application.state in states,
        size=parameters.get("maxResults", PAGE_SIZE),
        refuse=validation,
    )
    return {
        "applications": [build_application_summary(application) for application in page],
        "nextToken": token,
    }


def update_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Configure an application that rests anew; what is not named stays as it was."""
    application = find_in_state(registry, parameters["applicationId"], *words.RESTING)
    changes = {name: value for name, value in parameters.items() if name not in _NOT_UPDATED}
    if "releaseLabel" in changes:
        check_release(application.request["type"], changes["releaseLabel"])
    application.request = _check({**application.request, **changes})
    application.updated = registry.context.clock.now()
    registry.keep(application)
    return {"application": build_application(application)}


def delete_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Let an application that rests be gone; it is still described, as TERMINATED."""
    application = find_in_state(registry, parameters["applicationId"], *words.RESTING)
    registry.lifecycle.terminate(application)
    return {}


def start_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Start an application; one that is started already stays so."""
    application = find_in_state(registry, parameters["applicationId"], *words.LIVE)
    if application.state is ApplicationState.STOPPING:
        raise _wrong_status(application, words.RESTING)
    if application.state in words.RESTING:
        started = (ApplicationState.STARTING, ApplicationState.STARTED)
        others = [other for other in registry.list_applications() if other.state in started]
        initial = (other.request.get("initialCapacity") or {} for other in [application, *others])
        if sum(sum_initial(capacity).cpu for capacity in initial) > words.ACCOUNT_VCPUS:
            message = words.OVER_QUOTA.format(vcpus=words.ACCOUNT_VCPUS)
            raise EmrError("ServiceQuotaExceededException", message, 402)
        registry.lifecycle.start(application)
    return {}


def stop_application(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Stop an application whose job runs are over; one that is stopped already stays so."""
    application = find_in_state(registry, parameters["applicationId"], *words.LIVE)
    if application.active:
        raise validation(words.BUSY.format(id=application.id))
    if application.state not in (ApplicationState.STOPPING, ApplicationState.STOPPED):
        registry.lifecycle.stop(application)
    return {}


def find_in_state(registry: Registry, identifier: str, *states: ApplicationState) -> Application:
    """Find an application that is in one of some states, or raise ValidationException."""
    application = registry.find_application(identifier)
    if application.state not in states:
        raise _wrong_status(application, states)
    return application


def _wrong_status(application: Application, states: tuple[ApplicationState, ...]) -> EmrError:
    return validation(
        words.WRONG_STATUS.format(id=application.id, states=", ".join(states), state=application.state)
    )


def _check(request: dict[str, Any]) -> dict[str, Any]:
    """Check what parts of a configuration ask of each other, and complete it."""
    exceeded = find_exceeded(
        sum_initial(request.get("initialCapacity") or {}), request.get("maximumCapacity")
    )
    if exceeded:
        raise validation(words.INITIAL_OVER_MAXIMUM.format(limits=", ".join(exceeded)))
    return complete_scheduler(request)


OPERATIONS = {
    "CreateApplication": create_application,
    "GetApplication": get_application,
    "ListApplications": list_applications,
    "UpdateApplication": update_application,
    "DeleteApplication": delete_application,
    "StartApplication": start_application,
    "StopApplication": stop_application,
}

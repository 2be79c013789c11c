"""Interactive sessions, of which there are none here."""

from collections.abc import Mapping
from typing import Any, NoReturn

from sparkdrop_local.emr.errors import not_found, validation
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.registry import Registry


def start_session(registry: Registry, parameters: Mapping[str, Any]) -> NoReturn:
    """Refuse."""
    application = registry.find_application(parameters["applicationId"])
    raise validation(words.NO_SESSIONS.format(id=application.id))


def list_sessions(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List an application's sessions."""
    registry.find_application(parameters["applicationId"])
    return {"sessions": []}


def find_session(registry: Registry, parameters: Mapping[str, Any]) -> NoReturn:
    """Look for a session, in vain."""
    registry.find_application(parameters["applicationId"])
    raise not_found(words.NO_SESSION.format(id=parameters["sessionId"]))


OPERATIONS = {
    "StartSession": start_session,
    "ListSessions": list_sessions,
    "GetSession": find_session,
    "GetSessionEndpoint": find_session,
    "TerminateSession": find_session,
}

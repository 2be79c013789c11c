"""What EMR has and this one has not: user interfaces, sessions, credentials, studios and notebooks.

What names a cluster is refused for an unknown one first, as EMR does.
"""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import invalid_request, unknown_operation
from sparkdrop_local.emr.paging import take_page

_UI = "The local EMR serves no application UIs. `sparkdrop local spark-ui` shows Spark's."
_SESSIONS = "Sessions are not enabled on the cluster."
_CREDENTIALS = "The cluster has no runtime roles, which session credentials are for."
_STUDIO = "The local EMR has no {what}."


def refuse_cluster_ui(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse the link to a UI on a cluster."""
    registry.find_cluster(parameters["ClusterId"])
    raise invalid_request(_UI)


def refuse_persistent_ui(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse to make a UI that outlives its cluster."""
    registry.find_cluster(parameters["TargetResourceArn"].rpartition("/")[2])
    raise invalid_request(_UI)


def refuse_unknown_ui(_: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Find no UI: there is none."""
    raise invalid_request(f"Persistent application UI id '{parameters['PersistentAppUIId']}' is not valid.")


def refuse_credentials(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse credentials of a runtime role."""
    registry.find_cluster(parameters["ClusterId"])
    raise invalid_request(_CREDENTIALS)


def refuse_session(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse to start a session."""
    registry.find_cluster(parameters["ClusterId"])
    raise invalid_request(_SESSIONS)


def refuse_unknown_session(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Find no session: there is none."""
    registry.find_cluster(parameters["ClusterId"])
    raise invalid_request(f"Session id '{parameters['SessionId']}' is not valid.")


def list_sessions(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List a cluster's sessions, of which there is none."""
    registry.find_cluster(parameters["ClusterId"])
    page, token = take_page(list[str](), parameters.get("NextToken"), str)
    return {"Sessions": page, "NextToken": token}


def refuse_studio(_: Registry, __: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse whatever has to do with a studio."""
    raise unknown_operation(_STUDIO.format(what="studios"))


def refuse_notebook(_: Registry, __: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse whatever has to do with a notebook."""
    raise unknown_operation(_STUDIO.format(what="notebooks"))


OPERATIONS = {
    "GetOnClusterAppUIPresignedURL": refuse_cluster_ui,
    "CreatePersistentAppUI": refuse_persistent_ui,
    "DescribePersistentAppUI": refuse_unknown_ui,
    "GetPersistentAppUIPresignedURL": refuse_unknown_ui,
    "GetClusterSessionCredentials": refuse_credentials,
    "StartSession": refuse_session,
    "GetSession": refuse_unknown_session,
    "GetSessionEndpoint": refuse_unknown_session,
    "TerminateSession": refuse_unknown_session,
    "ListSessions": list_sessions,
    "CreateStudio": refuse_studio,
    "DescribeStudio": refuse_studio,
    "UpdateStudio": refuse_studio,
    "DeleteStudio": refuse_studio,
    "ListStudios": refuse_studio,
    "CreateStudioSessionMapping": refuse_studio,
    "GetStudioSessionMapping": refuse_studio,
    "UpdateStudioSessionMapping": refuse_studio,
    "DeleteStudioSessionMapping": refuse_studio,
    "ListStudioSessionMappings": refuse_studio,
    "StartNotebookExecution": refuse_notebook,
    "DescribeNotebookExecution": refuse_notebook,
    "StopNotebookExecution": refuse_notebook,
    "ListNotebookExecutions": refuse_notebook,
}

"""EMR's operations that the local EMR refuses, proven by a call each."""

from typing import Any

from botocore import xform_name

from tests.local.emr.cases import Case
from tests.local.emr.cases_ec2 import CASES, case, refused

ARN = "arn:aws:elasticmapreduce:us-east-1:123456789012:cluster/"
STUDIO = "UnknownOperationException: there are no studios"
NOTEBOOK = "UnknownOperationException: there are no notebooks"


def refuse(operation: str, note: str, **parameters: Any) -> None:
    """Add the case of an operation that is refused whatever it is asked, even of a cluster that is there."""

    def prove(emr: Any) -> None:
        cluster = {"ClusterId": emr.run()} if parameters.get("ClusterId") else {}
        refused(
            getattr(emr.client, xform_name(operation)), note.partition(":")[0], **{**parameters, **cluster}
        )

    CASES.append(Case("emr", operation, "refuses", note, prove))


@case("ListSessions", "behaves", "there is none")
def list_sessions(emr: Any) -> None:
    assert emr.client.list_sessions(ClusterId=emr.run())["Sessions"] == []


_STUDIO_ID: dict[str, Any] = {"StudioId": "es-1"}
_IDENTITY = _STUDIO_ID | {"IdentityType": "USER"}
_UI = "InvalidRequestException: `sparkdrop local spark-ui` shows Spark's"
_SESSION = "InvalidRequestException: there are no sessions"

refuse("GetOnClusterAppUIPresignedURL", _UI, ClusterId="one")
refuse("CreatePersistentAppUI", _UI, TargetResourceArn=f"{ARN}j-1")
refuse("DescribePersistentAppUI", _UI, PersistentAppUIId="1")
refuse("GetPersistentAppUIPresignedURL", _UI, PersistentAppUIId="1")
refuse("GetClusterSessionCredentials", "InvalidRequestException: there are no runtime roles", ClusterId="one")
refuse("StartSession", _SESSION, ClusterId="one")
refuse("GetSession", _SESSION, ClusterId="one", SessionId="1")
refuse("GetSessionEndpoint", _SESSION, ClusterId="one", SessionId="1")
refuse("TerminateSession", _SESSION, ClusterId="one", SessionId="1")
refuse(
    "CreateStudio", STUDIO, Name="a", AuthMode="IAM", VpcId="a", SubnetIds=["a"], ServiceRole="a",
    WorkspaceSecurityGroupId="a", EngineSecurityGroupId="a", DefaultS3Location="s3://code/",
)  # fmt: skip
refuse("DescribeStudio", STUDIO, **_STUDIO_ID)
refuse("UpdateStudio", STUDIO, **_STUDIO_ID)
refuse("DeleteStudio", STUDIO, **_STUDIO_ID)
refuse("ListStudios", STUDIO)
refuse("CreateStudioSessionMapping", STUDIO, **_IDENTITY, SessionPolicyArn="a")
refuse("GetStudioSessionMapping", STUDIO, **_IDENTITY)
refuse("UpdateStudioSessionMapping", STUDIO, **_IDENTITY, SessionPolicyArn="a")
refuse("DeleteStudioSessionMapping", STUDIO, **_IDENTITY)
refuse("ListStudioSessionMappings", STUDIO)
refuse("StartNotebookExecution", NOTEBOOK, ExecutionEngine={"Id": "j-1"}, ServiceRole="a")
refuse("DescribeNotebookExecution", NOTEBOOK, NotebookExecutionId="ex-1")
refuse("StopNotebookExecution", NOTEBOOK, NotebookExecutionId="ex-1")
refuse("ListNotebookExecutions", NOTEBOOK)

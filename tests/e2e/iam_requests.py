"""What IAM is asked for by a call of the trail: actions, resources and condition keys.

A call is an API's operation; IAM judges actions, which have other names here and there (HeadObject is
``s3:GetObject``), and one call may ask for several (RunJobFlow passes two roles).
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.infra.iam.simulator import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_S3_OBJECT = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObject": "DeleteObject",
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "ListParts": "ListMultipartUploadParts",
    "PutObject": "PutObject",
    "UploadPart": "PutObject",
}
_S3_BUCKET = {
    "GetBucketLocation": "GetBucketLocation",
    "HeadBucket": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
}
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
_SQS = {
    "ChangeMessageVisibility": "ChangeMessageVisibility",
    "DeleteMessage": "DeleteMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ReceiveMessage": "ReceiveMessage",
    "SendMessage": "SendMessage",
}
_DYNAMODB = ("DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_TRANSACTION = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_EMR = "elasticmapreduce.amazonaws.com"
_EMR_CLUSTER = ("AddJobFlowSteps", "CancelSteps", "DescribeCluster", "DescribeStep", "ListSteps")


class UnmappedCallError(Exception):
    """A call of which nobody has said what IAM is asked for."""


@dataclass(frozen=True)
class Account:
    """What a call's names stand for.

    Attributes:
        number: The account.
        region: The region.
        roles: A role's ARN by what RunJobFlow calls it: the service role's name, the instance profile's.
        read_tags: Reads a job flow's tags.
    """

    number: str
    region: str
    roles: Mapping[str, str]
    read_tags: Callable[[str], Mapping[str, str]]

    def name(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"


def build_requests(
    account: Account, service: str, operation: str, parameters: Mapping[str, Any]
) -> list[Request]:
    """Build what IAM is asked for by one call.

    Raises:
        UnmappedCallError: The call is not known here; say what it asks for before it is allowed.
    """
    build = _SERVICES.get(service)
    requests = build(account, operation, parameters) if build else None
    if not requests:
        raise UnmappedCallError(f"{service}:{operation}")
    return requests


def _build_s3(_: Account, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    if operation in _S3_BUCKET:
        context = {"s3:prefix": parameters["Prefix"]} if "Prefix" in parameters else {}
        return [Request(f"s3:{_S3_BUCKET[operation]}", bucket, context)]
    if operation == "DeleteObjects":
        keys = [entry["Key"] for entry in parameters["Delete"]["Objects"]]
        return [Request("s3:DeleteObject", f"{bucket}/{key}") for key in keys]
    if operation in {"CopyObject", "UploadPartCopy"}:
        return _build_copy(bucket, parameters)
    if operation not in _S3_OBJECT:
        return []
    action = _S3_OBJECT[operation]
    if parameters.get("VersionId") and action in {"GetObject", "DeleteObject"}:
        action += "Version"
    return [Request(f"s3:{action}", f"{bucket}/{parameters['Key']}")]


def _build_copy(bucket: str, parameters: Mapping[str, Any]) -> list[Request]:
    """Read the source, its tags too where it has any, and write the copy.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    source, _, version = parameters["CopySource"].lstrip("/").partition("?versionId=")
    read = ("GetObjectVersion", "GetObjectVersionTagging") if version else ("GetObject", "GetObjectTagging")
    return [
        *(Request(f"s3:{action}", f"arn:aws:s3:::{source}") for action in read),
        *(
            Request(f"s3:{action}", f"{bucket}/{parameters['Key']}")
            for action in ("PutObject", "PutObjectTagging")
        ),
    ]


def _build_sqs(account: Account, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    if operation not in _SQS:
        return []
    queue = parameters["QueueUrl"].rpartition("/")[2]
    return [Request(f"sqs:{_SQS[operation]}", account.name("sqs", queue))]


def _build_sts(_: Account, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    return [Request("sts:AssumeRole", parameters["RoleArn"])] if operation == "AssumeRole" else []


def _build_dynamodb(account: Account, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    if operation in _DYNAMODB:
        index = parameters.get("IndexName")
        name = f"{parameters['TableName']}/index/{index}" if index else parameters["TableName"]
        asked = [(operation, name)]
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        asked = [(operation, name) for name in parameters["RequestItems"]]
    elif operation == "TransactWriteItems":
        asked = [
            (_TRANSACTION[kind], action["TableName"])
            for item in parameters["TransactItems"]
            for kind, action in item.items()
        ]
    else:
        return []
    return [
        Request(f"dynamodb:{action}", account.name("dynamodb", f"table/{name}"))
        for action, name in dict.fromkeys(asked)
    ]


def _build_emr(account: Account, operation: str, parameters: Mapping[str, Any]) -> list[Request]:
    if operation == "RunJobFlow":
        return _build_run_job_flow(account, parameters)
    if operation == "ListClusters":
        return [Request("elasticmapreduce:ListClusters")]
    if operation in _EMR_CLUSTER:
        ids = [parameters.get("ClusterId") or parameters["JobFlowId"]]
    elif operation == "TerminateJobFlows":
        ids = parameters["JobFlowIds"]
    else:
        return []
    return [
        Request(
            f"elasticmapreduce:{operation}",
            account.name("elasticmapreduce", f"cluster/{job_flow_id}"),
            _as_context("elasticmapreduce:ResourceTag", account.read_tags(job_flow_id).items()),
        )
        for job_flow_id in ids
    ]


def _build_run_job_flow(account: Account, parameters: Mapping[str, Any]) -> list[Request]:
    tags = [(tag["Key"], tag["Value"]) for tag in parameters.get("Tags", [])]
    context = _as_context("aws:RequestTag", tags)
    passed = {
        _EMR: parameters["ServiceRole"],
        "ec2.amazonaws.com": parameters["JobFlowRole"],
    }
    # EMR asks for it on `cluster/*`, since there is no id yet: no pattern, so no `j-` either
    unnamed = account.name("elasticmapreduce", "cluster/unnamed")
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
    idle = ["elasticmapreduce:PutAutoTerminationPolicy"] if "AutoTerminationPolicy" in parameters else []
    return [
        Request("elasticmapreduce:RunJobFlow", context=context),
        Request("elasticmapreduce:AddTags", unnamed, context),
        *(Request(action, unnamed) for action in idle),
        # the account's first one
        Request(
            "iam:CreateServiceLinkedRole",
            f"arn:aws:iam::{account.number}:role/aws-service-role/{_EMR}/AWSServiceRoleForEMRCleanup",
            {"iam:AWSServiceName": _EMR},
        ),
        *(
            Request("iam:PassRole", account.roles[role], {"iam:PassedToService": service})
            for service, role in passed.items()
        ),
    ]


def _as_context(prefix: str, tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {f"{prefix}/{key}": value for key, value in tags}


_SERVICES: dict[str, Callable[[Account, str, Mapping[str, Any]], list[Request]]] = {
    "dynamodb": _build_dynamodb,
    "elasticmapreduce": _build_emr,
    "emr": _build_emr,
    "s3": _build_s3,
    "sqs": _build_sqs,
    "sts": _build_sts,
}

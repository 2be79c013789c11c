"""S3: buckets and their policies.

Names differ between a template and S3's own API:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
and https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.cloudformation.kinds import Kind, Made, Properties, Target
from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.names import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparkdrop_local.aws.clients import Clients

CORS_KEYS = {
    "AllowedHeaders": "AllowedHeaders",
    "AllowedMethods": "AllowedMethods",
    "AllowedOrigins": "AllowedOrigins",
    "ExposedHeaders": "ExposeHeaders",
    "Id": "ID",
    "MaxAge": "MaxAgeSeconds",
}


def _make_bucket(clients: Clients, name: str, _: Properties) -> Made:
    # the oldest region is the one that must not be named
    where = (
        {}
        if clients.region == REGION
        else {"CreateBucketConfiguration": {"LocationConstraint": clients.region}}
    )
    clients("s3").create_bucket(Bucket=name.lower(), **where)
    bucket = name.lower()
    attributes = {
        "Arn": f"arn:aws:s3:::{bucket}",
        "DomainName": f"{bucket}.s3.amazonaws.com",
        "RegionalDomainName": f"{bucket}.s3.{clients.region}.amazonaws.com",
    }
    return Made(bucket, attributes)


def _remove_bucket(clients: Clients, bucket: str, _: Properties) -> None:
    clients("s3").delete_bucket(Bucket=bucket)


def to_api_lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """One of CloudFormation's lifecycle rules as PutBucketLifecycleConfiguration takes it.

    Raises:
        EmulationError: The rule says what is not known here.
    """
    api: dict[str, Any] = {"Filter": {"Prefix": rule.get("Prefix", "")}}
    expiration: dict[str, Any] = {}
    for key, value in rule.items():
        match key:
            case "Id":
                api["ID"] = value
            case "Status" | "AbortIncompleteMultipartUpload" | "NoncurrentVersionExpiration":
                api[key] = value
            case "ExpirationInDays":
                expiration["Days"] = value
            case "ExpiredObjectDeleteMarker":
                expiration[key] = value
            case "Prefix":
                pass
            case _:
                raise EmulationError(f"AWS::S3::Bucket: the emulation knows no lifecycle {key}")
    return {**api, "Expiration": expiration} if expiration else api


def _set_access_control(target: Target) -> None:
    words = re.sub(r"(?<!^)(?=[A-Z])", "-", target.properties.get("AccessControl", "Private"))
    target.clients("s3").put_bucket_acl(Bucket=target.physical_id, ACL=words.lower())


def _set_cors(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    configuration = target.properties.get("CorsConfiguration")
    if configuration is None:
        s3.delete_bucket_cors(Bucket=bucket)
        return
    rules = [{CORS_KEYS[key]: value for key, value in rule.items()} for rule in configuration["CorsRules"]]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def _set_encryption(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    configuration = target.properties.get("BucketEncryption")
    if configuration is None:
        s3.delete_bucket_encryption(Bucket=bucket)
        return
    default = "ServerSideEncryptionByDefault"
    rules = [
        {("Apply" + default if key == default else key): value for key, value in rule.items()}
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _set_lifecycle(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    configuration = target.properties.get("LifecycleConfiguration")
    if configuration is None:
        s3.delete_bucket_lifecycle(Bucket=bucket)
        return
    rules = [to_api_lifecycle_rule(rule) for rule in configuration["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


def _set_logging(target: Target) -> None:
    status: dict[str, Any] = {}
    if configuration := target.properties.get("LoggingConfiguration"):
        status["LoggingEnabled"] = {
            "TargetBucket": configuration["DestinationBucketName"],
            "TargetPrefix": configuration.get("LogFilePrefix", ""),
        }
    target.clients("s3").put_bucket_logging(Bucket=target.physical_id, BucketLoggingStatus=status)


def _set_notification(target: Target) -> None:
    configuration = target.properties.get("NotificationConfiguration", {})
    if unknown := sorted(set(configuration) - {"EventBridgeConfiguration"}):
        raise EmulationError(f"AWS::S3::Bucket: the emulation knows no notification {', '.join(unknown)}")
    target.clients("s3").put_bucket_notification_configuration(
        Bucket=target.physical_id,
        NotificationConfiguration={"EventBridgeConfiguration": {}} if configuration else {},
    )


def _set_ownership(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    if (controls := target.properties.get("OwnershipControls")) is None:
        s3.delete_bucket_ownership_controls(Bucket=bucket)
    else:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)


def _set_public_access(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    if (block := target.properties.get("PublicAccessBlockConfiguration")) is None:
        s3.delete_public_access_block(Bucket=bucket)
    else:
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)


def _set_tags(target: Target) -> None:
    s3, bucket = target.clients("s3"), target.physical_id
    if tags := target.properties.get("Tags"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    else:
        s3.delete_bucket_tagging(Bucket=bucket)


def _set_versioning(target: Target) -> None:
    # versioning cannot be taken away, only suspended
    state = target.properties.get("VersioningConfiguration", {"Status": "Suspended"})
    target.clients("s3").put_bucket_versioning(Bucket=target.physical_id, VersioningConfiguration=state)


_SETTERS: Mapping[str, Callable[[Target], None]] = {
    "AccessControl": _set_access_control,
    "BucketEncryption": _set_encryption,
    "CorsConfiguration": _set_cors,
    "LifecycleConfiguration": _set_lifecycle,
    "LoggingConfiguration": _set_logging,
    "NotificationConfiguration": _set_notification,
    "OwnershipControls": _set_ownership,
    "PublicAccessBlockConfiguration": _set_public_access,
    "Tags": _set_tags,
    "VersioningConfiguration": _set_versioning,
}


def _set_policy(target: Target) -> None:
    target.clients("s3").put_bucket_policy(
        Bucket=target.properties["Bucket"], Policy=json.dumps(target.properties["PolicyDocument"])
    )


def _remove_policy(clients: Clients, bucket: str, _: Properties) -> None:
    clients("s3").delete_bucket_policy(Bucket=bucket)


KINDS = {
    "AWS::S3::Bucket": Kind(
        make=_make_bucket,
        remove=_remove_bucket,
        setters=_SETTERS,
        name_property="BucketName",
        longest_name=63,
    ),
    "AWS::S3::BucketPolicy": Kind(
        make=lambda _, __, properties: Made(properties["Bucket"]),
        remove=_remove_policy,
        made_with=frozenset({"Bucket"}),
        setters={"PolicyDocument": _set_policy},
    ),
}

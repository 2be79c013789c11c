"""The properties of ``AWS::S3::Bucket`` that moto's CloudFormation drops, in the shape of S3's own API.

Names differ between the two: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
and https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.errors import EmulationError

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


def to_api_cors(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's CorsConfiguration as PutBucketCors takes it."""
    return {"CORSRules": [_rename(rule, CORS_KEYS) for rule in configuration["CorsRules"]]}


def to_api_lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """CloudFormation's LifecycleConfiguration as PutBucketLifecycleConfiguration takes it."""
    return {"Rules": [_to_api_lifecycle_rule(rule) for rule in configuration["Rules"]]}


def _to_api_lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
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


def _rename(values: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys[key]: value for key, value in values.items()}


def _set_cors(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_bucket_cors(
        Bucket=bucket, CORSConfiguration=to_api_cors(properties["CorsConfiguration"])
    )


def _set_lifecycle(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration=to_api_lifecycle(properties["LifecycleConfiguration"])
    )


def _set_notification(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    configuration = properties["NotificationConfiguration"]
    unknown = set(configuration) - {"EventBridgeConfiguration"}
    if unknown:
        raise EmulationError(
            f"AWS::S3::Bucket: the emulation knows no notification {', '.join(sorted(unknown))}"
        )
    clients("s3").put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )


def _set_ownership(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls=properties["OwnershipControls"]
    )


def _set_public_access(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )


def _set_versioning(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    clients("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"]
    )


def _set_logging(clients: Clients, bucket: str, properties: Mapping[str, Any]) -> None:
    configuration = properties["LoggingConfiguration"]
    clients("s3").put_bucket_logging(
        Bucket=bucket,
        BucketLoggingStatus={
            "LoggingEnabled": {
                "TargetBucket": configuration["DestinationBucketName"],
                "TargetPrefix": configuration.get("LogFilePrefix", ""),
            }
        },
    )


SETTERS: Mapping[str, Callable[[Clients, str, Mapping[str, Any]], None]] = {
    "CorsConfiguration": _set_cors,
    "LifecycleConfiguration": _set_lifecycle,
    "LoggingConfiguration": _set_logging,
    "NotificationConfiguration": _set_notification,
    "OwnershipControls": _set_ownership,
    "PublicAccessBlockConfiguration": _set_public_access,
    "VersioningConfiguration": _set_versioning,
}

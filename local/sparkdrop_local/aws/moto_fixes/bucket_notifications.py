"""A bucket's notification configuration, read back with EventBridge in it.

moto 5.2.5 keeps ``EventBridgeConfiguration`` and acts on it, but does not answer it. What S3 answers:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.s3.responses import S3Response

if TYPE_CHECKING:
    from moto.core.common_types import TYPE_RESPONSE

ACTION = "GetBucketNotificationConfiguration"
_serialize = S3Response.serialized


def serialized(self: S3Response, action_result: ActionResult) -> TYPE_RESPONSE:
    """Answer as moto does, with EventBridge where the bucket has it."""
    held = action_result.result
    if self.data.get("Action") == ACTION and isinstance(held, dict):
        configuration = self.backend.get_bucket_notification_configuration(self.bucket_name)
        if configuration is not None and configuration.event_bridge is not None:
            action_result = ActionResult({**held, "EventBridgeConfiguration": {}})
    return _serialize(self, action_result)


def apply() -> None:
    """Let moto's S3 answer this way."""
    S3Response.serialized = serialized  # type: ignore[method-assign, assignment] # moto has no hook for it

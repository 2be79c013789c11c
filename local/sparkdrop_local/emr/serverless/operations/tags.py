"""The tags of applications and job runs."""

from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.serverless.registry import Registry


def tag_resource(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add tags, or give them new values."""
    resource = registry.find_resource(parameters["resourceArn"])
    resource.tags.update(parameters["tags"])
    registry.keep(resource)
    return {}


def untag_resource(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Remove tags by their keys; those that are not there do not matter."""
    resource = registry.find_resource(parameters["resourceArn"])
    for key in parameters["tagKeys"]:
        resource.tags.pop(key, None)
    registry.keep(resource)
    return {}


def list_tags_for_resource(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """List tags."""
    return {"tags": registry.find_resource(parameters["resourceArn"]).tags}


OPERATIONS = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}

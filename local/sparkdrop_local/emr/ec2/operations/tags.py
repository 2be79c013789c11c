"""Tags of clusters.

https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import invalid_request

_MOST_TAGS = 50
_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_TERMINATED = "Tags cannot be modified on terminated clusters."


def add_tags(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add tags, or give them new values."""
    cluster = _find(registry, parameters)
    cluster.tags = check_tags(parameters["Tags"], cluster.tags)
    registry.change(cluster)
    return {}


def remove_tags(registry: Registry, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Remove tags by their keys; those that are not there do not matter."""
    cluster = _find(registry, parameters)
    for key in parameters["TagKeys"]:
        cluster.tags.pop(key, None)
    registry.change(cluster)
    return {}


def check_tags(tags: Iterable[Mapping[str, str]], present: Mapping[str, str] | None = None) -> dict[str, str]:
    """Add tags to those that are there, in a new mapping.

    Raises:
        EmrError: InvalidRequestException for a key or value of the wrong length, a key of AWS's own, or more
            than 50 tags.
    """
    result = dict(present or {})
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not 1 <= len(key) <= _LONGEST_KEY:
            raise invalid_request(
                f"Invalid tag key: '{key or 'null'}'. "
                f"Tag keys must be between 1 and {_LONGEST_KEY} characters in length."
            )
        if len(value) > _LONGEST_VALUE:
            raise invalid_request(
                f"Invalid tag value: '{value}'. "
                f"Tag values must be between 0 and {_LONGEST_VALUE} characters in length."
            )
        if key.lower().startswith("aws:"):
            raise invalid_request(f"Invalid tag key: '{key}'. Tag keys must not start with 'aws:'.")
        result[key] = value
    if len(result) > _MOST_TAGS:
        raise invalid_request(f"A cluster can have at most {_MOST_TAGS} tags.")
    return result


def _find(registry: Registry, parameters: Mapping[str, Any]) -> Cluster:
    cluster = registry.find_cluster(parameters["ResourceId"])
    if cluster.state.is_final:
        raise invalid_request(_TERMINATED)
    return cluster


OPERATIONS = {"AddTags": add_tags, "RemoveTags": remove_tags}

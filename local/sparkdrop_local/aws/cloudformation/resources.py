"""One resource of a stack: made, changed, deleted through its service's API."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.cloudformation.parsing import clean_json

from sparkdrop_local.aws.clients import Clients
from sparkdrop_local.aws.cloudformation.catalog import KINDS
from sparkdrop_local.aws.cloudformation.kinds import Target
from sparkdrop_local.aws.names import CLOUDFORMATION_KEY_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.cloudformation.parsing import ResourceMap

_SUFFIX = 12


class Endpoint:
    """Where this process's own services listen; known once the server does."""

    url: str = ""


class Resource:
    """A resource as moto's stacks keep it."""

    def __init__(self, logical_id: str, resource_type: str, region: str) -> None:
        """Make nothing yet: :meth:`create` does."""
        self.logical_resource_id = logical_id
        self.cf_resource_type = resource_type
        self.physical_resource_id = ""
        self.properties: dict[str, Any] = {}
        self.deletion_policy = "Delete"
        self._attributes: Mapping[str, Any] = {}
        self._kind = KINDS[resource_type]
        self._clients = Clients(Endpoint.url, region, CLOUDFORMATION_KEY_ID)

    def create(self, stack: str, described: Mapping[str, Any], resources: ResourceMap) -> None:
        """Make it as the template describes it, then set what is set afterwards."""
        kind, properties = self._kind, _resolve_properties(described, resources)
        name = properties.get(kind.name_property) if kind.name_property else None
        made = kind.make(self._clients, name or self._generate_name(stack), properties)
        self.physical_resource_id, self._attributes = made.physical_id, made.attributes
        self.deletion_policy = described.get("DeletionPolicy", "Delete")
        self._set(properties, frozenset(properties))

    def update(self, described: Mapping[str, Any], resources: ResourceMap) -> bool:
        """Set what changed; answers whether anything did.

        Raises:
            ValidationError: Something changed that cannot be changed in place.
        """
        properties = _resolve_properties(described, resources)
        self.deletion_policy = described.get("DeletionPolicy", "Delete")
        names = self.properties.keys() | properties.keys()
        changed = frozenset(name for name in names if self.properties.get(name) != properties.get(name))
        if fixed := sorted(changed - self._kind.changeable):
            raise ValidationError(
                message=f"{self.logical_resource_id}: {self.cf_resource_type}.{', '.join(fixed)}"
                " cannot be changed in place, and the emulation replaces nothing"
            )
        if changed & self._kind.put_with and self._kind.again is not None:
            self._kind.again(self._target(properties))
        self._set(properties, changed)
        return bool(changed)

    def delete(self) -> None:
        """Delete it."""
        self._kind.remove(self._clients, self.physical_resource_id, self.properties)

    def get_cfn_attribute(self, name: str) -> Any:  # noqa: ANN401 - moto's signature
        """Answer ``Fn::GetAtt``.

        Raises:
            UnformattedGetAttTemplateException: There is no such attribute.
        """
        try:
            return self._attributes[name]
        except KeyError:
            raise UnformattedGetAttTemplateException from None

    def is_created(self) -> bool:
        """Whether it is there, which it is as soon as it is asked for."""
        return True

    def _set(self, properties: Mapping[str, Any], names: frozenset[str]) -> None:
        target = self._target(properties)
        for name, setter in self._kind.setters.items():
            if name in names:
                setter(target)
        self.properties = dict(properties)

    def _target(self, properties: Mapping[str, Any]) -> Target:
        return Target(self._clients, self.physical_resource_id, properties, self.properties)

    def _generate_name(self, stack: str) -> str:
        """A name such as CloudFormation gives: stack, logical id, and something that is nobody else's."""
        suffix = uuid.uuid4().hex[:_SUFFIX].upper()
        room = self._kind.longest_name - _SUFFIX - 2
        logical_id = self.logical_resource_id[: room // 2]
        return f"{stack[: room - len(logical_id)]}-{logical_id}-{suffix}"


def _resolve_properties(resource: Mapping[str, Any], resources: ResourceMap) -> dict[str, Any]:
    """Resolve the references in a resource's properties, which makes what they refer to."""
    resolved: dict[str, Any] = clean_json(resource.get("Properties", {}), resources)
    return {name: _prune(value) for name, value in resolved.items()}


def _prune(value: Any) -> Any:  # noqa: ANN401 - any part of a template
    """Leave out ``AWS::NoValue`` in lists; moto does so in maps only."""
    if isinstance(value, dict):
        return {key: _prune(item) for key, item in value.items()}
    return [_prune(item) for item in value if item is not None] if isinstance(value, list) else value

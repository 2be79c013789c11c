"""What a kind of resource is made of, in terms of its service's API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparkdrop_local.aws.clients import Clients

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that is there.

    Attributes:
        physical_id: What ``Ref`` gives.
        attributes: What ``Fn::GetAtt`` gives.
    """

    physical_id: str
    attributes: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """What a property is set on.

    Attributes:
        clients: Clients of the stack's region.
        physical_id: What ``Ref`` gives.
        properties: As they shall be, with every reference resolved; what is unset is not there.
        before: As they were; empty while the resource is made.
    """

    clients: Clients
    physical_id: str
    properties: Properties
    before: Properties = field(default_factory=dict)


Make = Callable[[Clients, str, Properties], Made]
Setter = Callable[[Target], None]
Remove = Callable[[Clients, str, Properties], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """How resources of one type are made, changed and deleted. A property that is nowhere in it is refused.

    Attributes:
        make: Makes one from a name and its properties, by ``made_with``.
        remove: Deletes one.
        made_with: Properties that ``make`` takes, and that cannot change while the resource lives.
        put_with: Properties that ``make`` takes, and ``again`` when they change.
        again: Sets what changed of ``put_with``.
        setters: Properties that are set afterwards, and set again when they change.
        name_property: The property that names one, if it has a name.
        longest_name: Of the names that are generated.
    """

    make: Make
    remove: Remove
    made_with: frozenset[str] = frozenset()
    put_with: frozenset[str] = frozenset()
    again: Setter | None = None
    setters: Mapping[str, Setter] = field(default_factory=dict)
    name_property: str | None = None
    longest_name: int = 128

    @property
    def known(self) -> frozenset[str]:
        """Every property that is held."""
        named = frozenset({self.name_property}) if self.name_property else frozenset()
        return self.made_with | self.changeable | named

    @property
    def changeable(self) -> frozenset[str]:
        """Every property that can change while the resource lives."""
        return self.put_with | frozenset(self.setters)


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Those of the properties that are set, for a call whose parameters are called the same."""
    return {name: properties[name] for name in names if name in properties}


def to_map(tags: list[Mapping[str, str]] | None) -> dict[str, str]:
    """CloudFormation's list of tags as a map."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def to_lower_camels(value: Any) -> Any:  # noqa: ANN401 - any part of a template
    """Write every key as services do that start with a small letter."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: to_lower_camels(item) for key, item in value.items()}
    return [to_lower_camels(item) for item in value] if isinstance(value, list) else value


def make_tag_setter(
    tag: Callable[[Target, dict[str, str]], object], untag: Callable[[Target, list[str]], object]
) -> Setter:
    """A setter of ``Tags`` that takes away what is not there any more."""

    def set_tags(target: Target) -> None:
        tags, before = to_map(target.properties.get("Tags")), to_map(target.before.get("Tags"))
        if gone := sorted(set(before) - set(tags)):
            untag(target, gone)
        if tags:
            tag(target, tags)

    return set_tags

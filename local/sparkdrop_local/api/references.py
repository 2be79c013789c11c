"""What a template's references mean here.

The stacks of the API are not deployed, because the emulation holds no API Gateway and no Lambda. What they
refer to is: every import of a bucket, a table or a pool is one of CloudFormation's exports. What they import
from each other is a function, which is found in its own template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.names import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparkdrop_local.aws.clients import Clients
    from sparkdrop_local.aws.templates import StackTemplate

_PSEUDO = {
    "AWS::AccountId": ACCOUNT_ID,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
_SUBSTITUTE = re.compile(r"\$\{([\w:]+)\}")


@dataclass(frozen=True, slots=True)
class Found:
    """A resource in a template.

    Attributes:
        logical_id: Its id.
        body: Its part of the template.
    """

    logical_id: str
    body: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties."""
        properties: Mapping[str, Any] = self.body.get("Properties", {})
        return properties


class References:
    """Resolves what the templates of one deployment refer to.

    Args:
        templates: All of its stacks.
        exports: Of those that are deployed, by name.
    """

    def __init__(self, templates: Sequence[StackTemplate], exports: Mapping[str, str]) -> None:
        self._exports = exports
        self._sources = {
            output["Export"]["Name"]: (template.body, output["Value"])
            for template in templates
            for output in template.body.get("Outputs", {}).values()
            if "Export" in output
        }

    # a case a function of CloudFormation's
    def resolve(self, value: Any) -> Any:  # noqa: ANN401, PLR0911 - any part of a template
        """Put values in the place of references.

        Raises:
            EmulationError: One means nothing here.
        """
        match value:
            case {"Ref": str(name)} if name in _PSEUDO:
                return _PSEUDO[name]
            case {"Fn::ImportValue": str(name)} if name in self._exports:
                return self._exports[name]
            case {"Fn::Join": [str(between), list(parts)]}:
                return between.join(str(self.resolve(part)) for part in parts)
            case {"Fn::Sub": str(text)}:
                return _SUBSTITUTE.sub(lambda found: str(self.resolve({"Ref": found[1]})), text)
            case {"Ref": _} | {"Fn::ImportValue": _} | {"Fn::GetAtt": _} | {"Fn::Sub": _} | {"Fn::Join": _}:
                raise EmulationError(f"{value} means nothing on this machine: its stack is not deployed here")
            case dict():
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
        return value

    def find(self, value: Any, template: Mapping[str, Any]) -> Found:  # noqa: ANN401 - any part of a template
        """Find the resource that a value refers to, in this template or in one that it imports from.

        Raises:
            EmulationError: It refers to none.
        """
        match value:
            case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in template["Resources"]:
                return Found(name, template["Resources"][name])
            case {"Fn::ImportValue": str(name)} if name in self._sources:
                source, exported = self._sources[name]
                return self.find(exported, source)
            case {"Fn::Join": [_, list(parts)]}:
                # an address that is made of one resource's name
                return self.find(next((part for part in parts if _names_resource(part)), None), template)
        raise EmulationError(f"{value} refers to no resource of the templates")


def _names_resource(part: Any) -> bool:  # noqa: ANN401 - any part of a template
    return isinstance(part, dict) and part.get("Ref") not in _PSEUDO


def read_exports(clients: Clients) -> dict[str, str]:
    """Ask CloudFormation what the deployed stacks export."""
    pages = clients("cloudformation").get_paginator("list_exports").paginate()
    return {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}

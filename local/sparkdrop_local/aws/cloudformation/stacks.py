"""A stack's life: made, changed, taken down, and every step of it told as events.

What fails on the way is rolled back, as CloudFormation does:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""
# moto's stacks have no public way to what is done here.
# ruff: noqa: SLF001

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Event, Stack, cloudformation_backends
from moto.cloudformation.parsing import OutputMap

from sparkdrop_local.aws.cloudformation.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from moto.cloudformation.models import CloudFormationBackend
    from moto.cloudformation.parsing import ResourceMap

log = logging.getLogger(__name__)


def bring_up(backend: CloudFormationBackend, stack: Stack) -> None:
    """Make all that is in a stack; what fails takes down what was made before it."""
    tell(stack, "CREATE_IN_PROGRESS")
    try:
        for logical_id in _order(stack.template_dict["Resources"]):
            stack.resource_map[logical_id]
        stack.output_map = stack._create_output_map()
        publish_exports(backend, stack, stack.exports)
    except Exception as error:  # noqa: BLE001 - whatever a service answers ends the stack, not the request
        log.info("stack %s: %s", stack.name, error)
        tell(stack, "ROLLBACK_IN_PROGRESS", reason=str(error))
        take_down(stack, retained=False)
        tell(stack, "ROLLBACK_COMPLETE", reason=str(error))
    else:
        tell(stack, "CREATE_COMPLETE")


def change(
    backend: CloudFormationBackend,
    stack: Stack,
    template: str,
    parameters: dict[str, Any],
    tags: dict[str, str] | None,
) -> None:
    """Update a stack to another template; what fails brings back the one before."""
    before: tuple[Any, dict[str, Any]] = (stack.template, stack.parameters)
    tell(stack, "UPDATE_IN_PROGRESS")
    try:
        _apply(stack, template, parameters)
        publish_exports(backend, stack, stack.exports)
    except Exception as error:  # noqa: BLE001 - as in bring_up
        log.info("stack %s: %s", stack.name, error)
        tell(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason=str(error))
        _apply(stack, *before)
        tell(stack, "UPDATE_ROLLBACK_COMPLETE", reason=str(error))
        return
    stack.tags = stack.tags if tags is None else tags
    tell(stack, "UPDATE_COMPLETE")


def take_down(stack: Stack, *, retained: bool) -> str | None:
    """Delete what was made; answers why that failed."""
    # its values are not asked for any more: being asked for is what makes a resource
    stack.output_map = OutputMap(stack.resource_map, {}, stack.stack_id)
    for resource in list_made(stack):
        try:
            _delete(stack, resource, retained=retained)
        except Exception as error:  # noqa: BLE001 - whatever a service answers is why the stack stays
            tell(stack, "DELETE_FAILED", reason=f"{resource.logical_resource_id}: {error}")
            return str(error)
    return None


def list_made(stack: Stack) -> list[Resource]:
    """What the stack has made, last first: nothing comes after what refers to it."""
    made = stack.resource_map._parsed_resources.values()
    return [one for one in made if isinstance(one, Resource)][::-1]


def create_resource(
    logical_id: str,
    resource_json: dict[str, Any],
    resources_map: ResourceMap,
    account_id: str,
    region_name: str,
) -> Resource | None:
    """Make one resource when it is first asked for; None where its condition is false."""
    if not _is_wanted(resource_json, resources_map):
        return None
    resource = Resource(logical_id, resource_json["Type"], region_name)
    stack = cloudformation_backends[account_id][region_name].get_stack(resources_map.stack_id)
    if not stack.status.endswith("_IN_PROGRESS"):
        raise ValidationError(
            message=f"{logical_id} of {stack.name} is not there: the stack is {stack.status}"
        )
    try:
        resource.create(stack.name, resource_json, resources_map)
    except Exception as error:
        if resource.physical_resource_id:
            resources_map._parsed_resources[logical_id] = resource
        raise ValidationError(message=f"{logical_id} ({resource.cf_resource_type}): {error}") from error
    _tell_resource(stack, resource, "CREATE_COMPLETE")
    return resource


def _apply(stack: Stack, template: str, parameters: dict[str, Any]) -> None:
    """Make what is new, change what changed, then delete what is not there any more."""
    resources = stack.resource_map
    stack.template, stack.parameters = template, parameters
    stack._parse_template()
    resources._template = stack.template_dict
    resources.input_parameters = parameters
    resources._resource_json_map = described = stack.template_dict["Resources"]
    resources.load()
    made = resources._parsed_resources
    wanted = [name for name in _order(described) if _is_wanted(described[name], resources)]
    for logical_id in wanted:
        known = made.get(logical_id)
        if known is None:
            resources[logical_id]  # made by being asked for
        elif known.update(described[logical_id], resources):
            _tell_resource(stack, known, "UPDATE_COMPLETE")
    for resource in list_made(stack):
        if resource.logical_resource_id not in wanted:
            _delete(stack, resource, retained=True)
    stack.output_map = stack._create_output_map()


def _delete(stack: Stack, resource: Resource, *, retained: bool) -> None:
    """Delete one resource, or leave it to itself where its policy says so."""
    keep = retained and resource.deletion_policy.startswith("Retain")
    if not keep:
        resource.delete()
    del stack.resource_map._parsed_resources[resource.logical_resource_id]
    _tell_resource(stack, resource, "DELETE_SKIPPED" if keep else "DELETE_COMPLETE")


def _is_wanted(resource_json: Mapping[str, Any], resources: ResourceMap) -> bool:
    condition = resource_json.get("Condition")
    return condition is None or bool(resources.lazy_condition_map[condition])


def _order(resources: Mapping[str, Any]) -> Iterator[str]:
    """Every logical id, those of its ``DependsOn`` first; references find their own way."""
    done: set[str] = set()

    def visit(logical_id: str) -> Iterator[str]:
        if logical_id in done or logical_id not in resources:
            return
        done.add(logical_id)
        first = resources[logical_id].get("DependsOn", [])
        for one in [first] if isinstance(first, str) else first:
            yield from visit(one)
        yield logical_id

    for logical_id in resources:
        yield from visit(logical_id)


def publish_exports(backend: CloudFormationBackend, stack: Stack, exports: Iterable[Any]) -> None:
    """Let other stacks import these of a stack's values, and no others of it.

    Raises:
        ValidationError: Another stack exports one of these names.
    """
    ours = {name for name, export in backend.exports.items() if export._exporting_stack_id == stack.stack_id}
    wanted = {export.name: export for export in exports}
    if taken := sorted(set(wanted) & (set(backend.exports) - ours)):
        raise ValidationError(message=f"Export {taken[0]} is already exported by another stack")
    for name in ours - set(wanted):
        del backend.exports[name]
    backend.exports.update(wanted)


def tell(stack: Any, status: str, *, reason: str | None = None) -> None:  # noqa: ANN401 - moto's, with a field more
    """Put a stack into a state, on record."""
    stack.status = status
    stack.stack_status_reason = reason
    stack._add_stack_event(status, resource_status_reason=reason)


def _tell_resource(stack: Stack, resource: Resource, status: str) -> None:
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=resource.logical_resource_id,
            physical_resource_id=resource.physical_resource_id,
            resource_type=resource.cf_resource_type,
            resource_status=status,
            resource_status_reason=None,
            resource_properties=None,
        )
    )

"""moto's CloudFormation with the decisions made here: what is refused, and what is done with a stack.

CloudFormation refuses a template that it cannot read (ValidationError) before anything is made.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any

from moto.cloudformation import parsing, responses
from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.utils import generate_stack_id
from moto.cloudformation.utils import get_stack_from_s3_url as _read_template
from moto.core.responses import ActionResult, EmptyResult

from sparkdrop_local.aws.cloudformation.catalog import find_unchangeable, find_unheld
from sparkdrop_local.aws.cloudformation.resources import Endpoint, Resource
from sparkdrop_local.aws.cloudformation.stacks import (
    bring_up,
    change,
    create_resource,
    list_made,
    publish_exports,
    take_down,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.cloudformation.parsing import ResourceMap
    from moto.cloudformation.responses import CloudFormationResponse

_turn = RLock()
_create_change_set = CloudFormationBackend.create_change_set
_parse_ssm_parameter = parsing.ResourceMap.parse_ssm_parameter


def check_template(template: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
    """Refuse what would be held only in part.

    Raises:
        ValidationError: It names every resource and property that is not held, or cannot change.
    """
    if unheld := find_unheld(template):
        raise ValidationError(message=f"the emulation cannot hold {'; '.join(unheld)}")
    if before and (fixed := find_unchangeable(template, before)):
        raise ValidationError(
            message=f"not changeable in place, and the emulation replaces nothing: {'; '.join(fixed)}"
        )


def create_stack(
    self: CloudFormationBackend,
    name: str,
    template: str,
    parameters: dict[str, Any],
    **options: Any,
) -> Stack:
    """Create a stack and all that is in it before answering."""
    with _turn:
        if any(stack.name == name for stack in self.stacks.values()):
            raise AlreadyExistsException(f"Stack {name} already exists")
        check_template(Stack.parse_template(template))
        books: Any = Stack  # abstract by its annotations only
        stack: Stack = books(
            stack_id=generate_stack_id(name, self.region_name, self.account_id),
            name=name,
            template=template,
            parameters=parameters,
            account_id=self.account_id,
            region_name=self.region_name,
            cross_stack_resources=self.exports,
            **options,
        )
        self.stacks[stack.stack_id] = stack
        bring_up(self, stack)
        return stack


def create_change_set(
    self: CloudFormationBackend, stack_name: str, change_set_name: str, template: str, **options: Any
) -> tuple[str, str]:
    """Refuse at once what an execution would have to refuse; otherwise as moto does."""
    with _turn:
        before = None
        if options["change_set_type"] == "UPDATE":
            stack = self.get_stack(stack_name)
            before = stack.template_dict
            options["parameters"] = _restore_names(stack, options["parameters"])
        else:
            _forget_reviewed(self, stack_name)
        check_template(Stack.parse_template(template), before)
        answer: tuple[str, str] = _create_change_set(
            self, stack_name=stack_name, change_set_name=change_set_name, template=template, **options
        )
        return answer


def delete_change_set(self: CloudFormationResponse) -> ActionResult:
    """Delete a stack's change set; one that is not there is no error."""
    backend = self.cloudformation_backend
    try:
        found = _find_change_set(backend, self._get_param("ChangeSetName"), self._get_param("StackName"))
    except ChangeSetNotFoundError:
        return EmptyResult()
    del backend.change_sets[found.change_set_id]
    return EmptyResult()


def describe_change_set(self: CloudFormationResponse) -> ActionResult:
    """Describe a stack's change set: the CDK CLI calls those of all stacks by one name."""
    name, stack = self._get_param("ChangeSetName"), self._get_param("StackName")
    return ActionResult(_find_change_set(self.cloudformation_backend, name, stack))


def execute_change_set(
    self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None
) -> None:
    """Create or update the stack as the change set says."""
    with _turn:
        change_set = _find_change_set(self, change_set_name, stack_name)
        stack = self.stacks[change_set.stack_id]
        if change_set.change_set_type == "CREATE":
            stack.template, stack.parameters = change_set.template, change_set.parameters
            stack._parse_template()  # noqa: SLF001 - moto has no public way
            stack.description = stack.template_dict.get("Description")
            stack.cross_stack_resources = self.exports
            stack.resource_map = stack._create_resource_map()  # noqa: SLF001 - moto has no public way
            bring_up(self, stack)
        else:
            change(self, stack, change_set.template, change_set.parameters, change_set.tags)
        change_set.execution_status = "EXECUTE_COMPLETE"


def update_stack(  # noqa: PLR0917 - moto's signature
    self: CloudFormationBackend,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Stack:
    """Update a stack; what did not change is not touched."""
    with _turn:
        stack: Stack = self.get_stack(name)
        check_template(Stack.parse_template(template), stack.template_dict)
        stack.role_arn = role_arn
        resolved = self._resolve_update_parameters(instance=stack, incoming_params=parameters)
        change(self, stack, template, resolved, tags)
        return stack


def delete_stack(self: CloudFormationBackend, name_or_stack_id: str) -> None:
    """Delete a stack's resources, last made first, but those that are to be retained."""
    with _turn:
        found = [one for one in self.stacks.values() if name_or_stack_id in (one.stack_id, one.name)]
        for stack in found:
            tell(stack, "DELETE_IN_PROGRESS")
            if take_down(stack, retained=True) is None:
                del self.stacks[stack.stack_id]
                self.deleted_stacks[stack.stack_id] = stack
                # a later stack of this name would be taken to have them, and the CDK CLI waits for their end
                for change_set in [
                    one for one in self.change_sets.values() if one.stack_id == stack.stack_id
                ]:
                    del self.change_sets[change_set.change_set_id]
                publish_exports(self, stack, ())
                tell(stack, "DELETE_COMPLETE")


def _forget_reviewed(backend: CloudFormationBackend, name: str) -> None:
    """A second change set for a stack that was never made stands in the place of the first."""
    for stack in list(backend.stacks.values()):
        if stack.name == name and stack.status == "REVIEW_IN_PROGRESS":
            del backend.stacks[stack.stack_id]


def _restore_names(stack: Stack, parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep what was given for SSM's parameters: moto's "previous value" is what was read under that name."""
    slots, read = stack.template_dict.get("Parameters", {}), stack.resource_map.resolved_parameters
    restored = dict(parameters)
    for name, value in parameters.items():
        if slots.get(name, {}).get("Type", "").startswith("AWS::SSM::") and value == read.get(name):
            del restored[name]
            restored |= {name: stack.parameters[name]} if name in stack.parameters else {}
    return restored


def _find_change_set(backend: CloudFormationBackend, name: str, stack: str | None) -> ChangeSet:
    """Find by its ARN, or by its name and its stack's, the newest first."""
    for change_set in reversed(backend.change_sets.values()):
        if change_set.change_set_id == name:
            return change_set
        if change_set.change_set_name == name and stack in {
            None,
            change_set.stack_name,
            change_set.stack_id,
        }:
            return change_set
    raise ChangeSetNotFoundError(f"ChangeSet [{name}] does not exist")


def parse_ssm_parameter(self: ResourceMap, value: str, value_type: str) -> Any:  # noqa: ANN401 - moto's signature
    """Read a parameter whose value is a name in SSM.

    Raises:
        ValidationError: It is not there, as in an account that was never bootstrapped.
    """
    try:
        return _parse_ssm_parameter(self, value, value_type)
    except AttributeError:
        message = f"Unable to fetch parameters [{value}] from parameter store for this account."
        raise ValidationError(message=message) from None


def _list_resources(self: Stack) -> list[Resource]:
    """The resources that are there: moto lists what a condition leaves out as nothing."""
    return list_made(self)[::-1]


class ChangeSetNotFoundError(CloudFormationError):
    """A stack has no change set of this name."""

    code = "ChangeSetNotFound"


class _AnyAttribute:
    """What moto asks for a type's attributes before anything is made; the resource itself knows."""

    @classmethod
    def has_cfn_attr(cls, _: str) -> bool:
        return True


def read_template(template_url: str, account_id: str, partition: str) -> str:
    """Read a template from S3: an IP has the bucket in its path, as moto knows of localhost only."""
    return _read_template(template_url.replace("//127.0.0.1:", "//localhost:"), account_id, partition)


def apply(endpoint_url: str) -> None:
    """Let moto's CloudFormation work this way, on the services that listen at this address."""
    Endpoint.url = endpoint_url
    moto: Any = responses  # which has no hooks for any of this
    moto.CloudFormationResponse.delete_change_set = delete_change_set
    moto.CloudFormationResponse.describe_change_set = describe_change_set
    moto.get_stack_from_s3_url = read_template
    moto = parsing
    moto.resource_class_from_type = lambda _: _AnyAttribute
    moto.parse_and_create_resource = create_resource
    moto.ResourceMap.parse_ssm_parameter = parse_ssm_parameter
    books: Any = Stack
    books.stack_resources = property(_list_resources)
    for function in (
        create_stack,
        create_change_set,
        execute_change_set,
        update_stack,
        delete_stack,
    ):
        setattr(CloudFormationBackend, function.__name__, function)

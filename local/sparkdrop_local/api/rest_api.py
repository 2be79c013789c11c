"""The REST API as its template describes it: methods by path, checks, refusals, functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sparkdrop_local.api.references import Found, References
    from sparkdrop_local.aws.templates import StackTemplate

_PREFIX = "AWS::ApiGateway::"
_NO_ONE = "NONE"
_USERS = "COGNITO_USER_POOLS"


@dataclass(frozen=True, slots=True)
class Function:
    """A function behind a method.

    Attributes:
        name: Its logical id.
        handler: Module and name of what Lambda calls.
        environment: Its variables.
        timeout_seconds: When Lambda would stop it.
    """

    name: str
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 3


@dataclass(frozen=True, slots=True)
class Mock:
    """An answer without a function.

    Attributes:
        status: HTTP's.
        headers: Names to mapping expressions.
        template: Of the body.
    """

    status: int
    headers: Mapping[str, str]
    template: str


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one resource.

    Attributes:
        http_method: GET, POST, ...
        resource: Its path; what is in braces is a parameter.
        integration: What answers.
        authorized: Whether the caller has to be a user of the pool.
        required: Parameters that have to be there: ``querystring.pipeline``, ``header.If-Match``.
        models: JSON Schemas of the body by its content type, or by ``$default``; empty where none is checked.
    """

    http_method: str
    resource: str
    integration: Function | Mock
    authorized: bool
    required: tuple[str, ...] = ()
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of API Gateway's own answers.

    Attributes:
        status: HTTP's; None takes that of what went wrong.
        headers: Names to mapping expressions.
        template: Of the body.
    """

    status: int | None
    headers: Mapping[str, str]
    template: str


@dataclass(frozen=True, slots=True)
class RestApi:
    """The API.

    Attributes:
        stage: The name of its stage.
        methods: All of them, by their resources' paths and their names.
        refusals: By API Gateway's word for what went wrong.
        binary: Whether answers can be binary.
    """

    stage: str
    methods: Mapping[tuple[str, str], Method]
    refusals: Mapping[str, Refusal]
    binary: bool = False

    @property
    def functions(self) -> list[Function]:
        """Every function behind a method, once."""
        found = (method.integration for method in self.methods.values())
        return list({one.name: one for one in found if isinstance(one, Function)}.values())

    def match(self, http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """Find a method by the path as it was sent, and the path's parameters; plain segments go first."""
        sent = path.split("/")
        for resource in sorted({resource for resource, _ in self.methods}):
            parameters = _compare(resource.split("/"), sent)
            if parameters is not None and (method := self.methods.get((resource, http_method))):
                return method, parameters
        return None


def _compare(resource: Sequence[str], sent: Sequence[str]) -> dict[str, str] | None:
    if len(resource) != len(sent):
        return None
    parameters = {}
    for part, text in zip(resource, sent, strict=True):
        if part.startswith("{") and text:
            parameters[part.strip("{}")] = text
        elif part != text:
            return None
    return parameters


def read_rest_api(template: StackTemplate, references: References) -> RestApi:
    """Read an API's template.

    Raises:
        EmulationError: It asks for what is not known here: another authorizer, integration or reference.
    """
    reader = _Reader(template.body, references)
    methods = [reader.read_method(found) for found in reader.select("Method")]
    (api,) = reader.select("RestApi")
    (stage,) = reader.select("Stage")
    return RestApi(
        stage=stage.properties["StageName"],
        methods={(method.resource, method.http_method): method for method in methods},
        refusals=dict(reader.read_refusals()),
        binary=bool(api.properties.get("BinaryMediaTypes")),
    )


class _Reader:
    def __init__(self, template: Mapping[str, Any], references: References) -> None:
        self._template = template
        self._references = references

    def select(self, kind: str) -> list[Found]:
        """Every resource of a kind."""
        return [
            self._find({"Ref": name})
            for name, body in self._template["Resources"].items()
            if body["Type"] == _PREFIX + kind
        ]

    def read_method(self, found: Found) -> Method:
        """Read one method."""
        properties = found.properties
        access = properties.get("AuthorizationType", _NO_ONE)
        if access not in {_NO_ONE, _USERS}:
            raise EmulationError(
                f"{found.logical_id}: the local system knows no {access}: api.authorizer has to be cognito"
            )
        checks = self._read_validator(properties)
        return Method(
            http_method=properties["HttpMethod"],
            resource=self._read_path(properties["ResourceId"]),
            integration=self._read_integration(found),
            authorized=access == _USERS,
            required=tuple(
                name.removeprefix("method.request.")
                for name, required in properties.get("RequestParameters", {}).items()
                if required and checks.get("ValidateRequestParameters") and ".path." not in name
            ),
            models={
                content_type: self._find(model).properties["Schema"]
                for content_type, model in properties.get("RequestModels", {}).items()
                if checks.get("ValidateRequestBody")
            },
        )

    def read_refusals(self) -> Iterator[tuple[str, Refusal]]:
        """Read API Gateway's own answers."""
        for found in self.select("GatewayResponse"):
            properties = found.properties
            status = properties.get("StatusCode")
            yield (
                properties["ResponseType"],
                Refusal(
                    status=None if status is None else int(status),
                    headers=_strip_names(properties.get("ResponseParameters", {})),
                    template=properties["ResponseTemplates"]["application/json"],
                ),
            )

    def _read_path(self, resource: Any) -> str:  # noqa: ANN401 - any part of a template
        if isinstance(resource, dict) and resource.get("Fn::GetAtt", ("", ""))[1] == "RootResourceId":
            return ""
        properties = self._find(resource).properties
        return f"{self._read_path(properties['ParentId'])}/{properties['PathPart']}"

    def _read_validator(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        validator = properties.get("RequestValidatorId")
        return self._find(validator).properties if validator else {}

    def _read_integration(self, found: Found) -> Function | Mock:
        integration = found.properties["Integration"]
        if integration["Type"] == "AWS_PROXY":
            return self._read_function(self._find(integration["Uri"]))
        if integration["Type"] != "MOCK":
            raise EmulationError(f"{found.logical_id}: no integration of type {integration['Type']} is known")
        (answer,) = integration["IntegrationResponses"]
        return Mock(
            status=int(answer["StatusCode"]),
            headers=_strip_names(answer.get("ResponseParameters", {})),
            template=answer.get("ResponseTemplates", {}).get("application/json", ""),
        )

    def _read_function(self, found: Found) -> Function:
        variables = found.properties.get("Environment", {}).get("Variables", {})
        return Function(
            name=found.logical_id,
            handler=found.properties["Handler"],
            environment=self._references.resolve(variables),
            timeout_seconds=found.properties.get("Timeout", 3),
        )

    def _find(self, value: Any) -> Found:  # noqa: ANN401 - any part of a template
        return self._references.find(value, self._template)


def _strip_names(parameters: Mapping[str, str]) -> dict[str, str]:
    """Name headers alone: ``method.response.header.Vary`` is Vary."""
    return {name.rsplit(".", 1)[-1]: value for name, value in parameters.items()}

"""From the table of calls to API Gateway's methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from infra.constructs.api_access import ApiAccess
    from infra.constructs.api_calls import ApiCall
    from infra.constructs.api_cors import ApiCors

_JSON = "application/json"
# A model under this key checks every body; under a type, a body of another type would pass unchecked:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
_ANY_TYPE = "$default"


class ApiMethods(Construct):
    """The methods of an API: each authorized, each with its parameters and its body checked.

    Attributes:
        by_name: Each by its method and path, as in ``POST /invoke``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        api: apigateway.RestApi,
        calls: Iterable[ApiCall],
        access: ApiAccess,
        cors: ApiCors,
    ) -> None:
        """Add ``calls`` to ``api``, with an answer to browsers' preflights where pages may call."""
        super().__init__(scope, construct_id)
        self._api, self._access = api, access
        self._validators = {
            body: apigateway.RequestValidator(
                self,
                "BodyAndParameters" if body else "Parameters",
                rest_api=api,
                validate_request_body=body,
                validate_request_parameters=True,
            )
            for body in (True, False)
        }
        self.by_name: dict[str, apigateway.Method] = {}
        methods: dict[str, list[str]] = {}
        for call in calls:
            self.by_name[f"{call.method} {call.path}"] = self._add(call)
            methods.setdefault(call.path, []).append(call.method)
        for path, names in methods.items():
            cors.add_preflight(api.root.resource_for_path(path), names)

    def _add(self, call: ApiCall) -> apigateway.Method:
        method = self._api.root.resource_for_path(call.path).add_method(
            call.method,
            apigateway.LambdaIntegration(call.function, allow_test_invoke=False),
            authorization_type=self._access.authorization_type,
            authorizer=self._access.authorizer,
            request_parameters=call.parameters,
            request_validator=self._validators[call.body is not None],
            request_models=None if call.body is None else {_ANY_TYPE: self._add_model(call, call.body)},
        )
        self._access.review(method)
        return method

    def _add_model(self, call: ApiCall, schema: Mapping[str, Any]) -> apigateway.IModel:
        # the L1 resource takes the schema as it is; the L2's typed one knows camels only
        name = "".join(word.capitalize() for word in call.path.replace("{id}", "one").split("/"))
        model = apigateway.CfnModel(
            self,
            f"{name}Body",
            rest_api_id=self._api.rest_api_id,
            content_type=_JSON,
            schema=dict(schema),
            description=f"Body of {call.method} {call.path}",
        )
        # a deployment is a copy of the API: another schema has to make another deployment
        deployment = self._api.latest_deployment
        if deployment is not None:
            deployment.add_to_logical_id({"model": dict(schema)})
            deployment.node.add_dependency(model)
        return apigateway.Model.from_model_name(self, f"{name}Model", model.ref)

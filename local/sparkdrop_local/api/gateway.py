"""API Gateway: routes, authorizes and checks a call as its template says, and hands it to its function.

In the order of
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-validation-set-up.html: no
method, no caller, wrong parameters, wrong body. What it refuses it answers by the template's own documents.
"""

from __future__ import annotations

import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

from jsonschema import Draft4Validator

from sparkdrop_local.api import velocity
from sparkdrop_local.api.authorizer import UnauthorizedError
from sparkdrop_local.api.events import MalformedAnswerError, build_event, read_answer
from sparkdrop_local.api.functions import FunctionError
from sparkdrop_local.api.messages import Answer
from sparkdrop_local.api.rest_api import Mock, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparkdrop_local.api.authorizer import Authorizer
    from sparkdrop_local.api.functions import Functions
    from sparkdrop_local.api.messages import Request
    from sparkdrop_local.api.rest_api import Method, RestApi

log = logging.getLogger(__name__)
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_BODY_BYTES = 10 * 1024 * 1024
_SERVER_ERROR = 500
_REQUEST_HEADER = "method.request.header."


class RefusedError(Exception):
    """API Gateway answers itself.

    Attributes:
        kind: Its word for what went wrong.
        status: HTTP's, where the answer to this kind does not say.
        errors: What is wrong with the request.
    """

    def __init__(self, kind: str, status: int, errors: str = "") -> None:
        super().__init__(f"{kind} {errors}".strip())
        self.kind = kind
        self.status = status
        self.errors = errors


class Gateway:
    """One API.

    Args:
        api: As its template describes it.
        authorizer: Knows the callers.
        functions: Run what answers.

    Raises:
        EmulationError: A mapping template says what is not known here.
    """

    def __init__(self, api: RestApi, authorizer: Authorizer, functions: Functions) -> None:
        self._api = api
        self._authorizer = authorizer
        self._functions = functions
        self._validators = {
            method: {kind: Draft4Validator(dict(schema)) for kind, schema in described.models.items()}
            for method, described in api.methods.items()
        }
        # filling one reads all of it, whichever way its conditions go
        for answer in (*(method.integration for method in api.methods.values()), *api.refusals.values()):
            if isinstance(answer, Mock | Refusal):
                velocity.render(answer.template, {}, {})

    def answer(self, request: Request) -> Answer:
        """Answer a call; its path starts after the stage."""
        request_id = str(uuid.uuid4())
        try:
            answer = self._call(request, request_id)
        except RefusedError as refused:
            log.info("%s %s: %s, request %s", request.method, request.path, refused, request_id)
            answer = self._refuse(request, refused, request_id)
        return Answer(answer.status, (*answer.headers, ("x-amzn-RequestId", request_id)), answer.body)

    def _call(self, request: Request, request_id: str) -> Answer:
        found = self._api.match(request.method, request.path)
        if found is None:
            raise RefusedError("MISSING_AUTHENTICATION_TOKEN", 403)
        method, path_parameters = found
        claims = self._authorize(request) if method.authorized else None
        self._check(request, method)
        if isinstance(method.integration, Mock):
            return _mock(request, method.integration, request_id)
        event = build_event(
            request,
            method,
            path_parameters,
            stage=self._api.stage,
            request_id=request_id,
            claims=claims,
        )
        try:
            answered = self._functions.invoke(method.integration, event, request_id)
            return read_answer(answered, binary=self._api.binary)
        except (FunctionError, MalformedAnswerError) as error:
            log.warning("%s: %s", method.integration.name, error)
            raise RefusedError("DEFAULT_5XX", 502) from error

    def _authorize(self, request: Request) -> dict[str, str]:
        try:
            return self._authorizer.authorize(request.header("Authorization"))
        except UnauthorizedError as error:
            raise RefusedError("UNAUTHORIZED", 401, str(error)) from error

    def _check(self, request: Request, method: Method) -> None:
        if len(request.body) > MAX_BODY_BYTES:
            raise RefusedError("REQUEST_TOO_LARGE", 413)
        if missing := [name for name in method.required if not _find_parameter(request, name)]:
            names = ", ".join(name.partition(".")[2] for name in sorted(missing))
            raise RefusedError(
                "BAD_REQUEST_PARAMETERS", 400, f"Missing required request parameters: [{names}]"
            )
        validators = self._validators[method.resource, method.http_method]
        content_type = (request.header("Content-Type") or "").partition(";")[0].strip()
        if validator := validators.get(content_type) or validators.get("$default"):
            _check_body(request.body, validator)

    def _refuse(self, request: Request, refused: RefusedError, request_id: str) -> Answer:
        default = "DEFAULT_5XX" if refused.status >= _SERVER_ERROR else "DEFAULT_4XX"
        refusal = self._api.refusals.get(refused.kind) or self._api.refusals[default]
        values = _describe(request, request_id) | {
            "context.error.responseType": refused.kind,
            # the values stand between quotes of a JSON text
            "context.error.validationErrorString": json.dumps(refused.errors)[1:-1],
        }
        body, _ = velocity.render(refusal.template, values, {})
        return Answer(refusal.status or refused.status, _map_headers(request, refusal.headers), body.encode())


def _find_parameter(request: Request, name: str) -> str | None:
    where, _, key = name.partition(".")
    return request.header(key) if where == "header" else request.parameter(key)


def _check_body(body: bytes, validator: Any) -> None:  # noqa: ANN401 - jsonschema's protocol has no errors' type
    try:
        document = json.loads(body)
    except ValueError as error:
        raise RefusedError("BAD_REQUEST_BODY", 400, "[the body is no JSON]") from error
    errors = sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.path)))
    if errors:
        told = ", ".join(
            f"{'/'.join(map(str, error.path)) or 'the body'}: {error.message}" for error in errors
        )
        raise RefusedError("BAD_REQUEST_BODY", 400, f"[{told}]")


def _mock(request: Request, mock: Mock, request_id: str) -> Answer:
    body, values = velocity.render(mock.template, _describe(request, request_id), dict(request.headers))
    override = "context.responseOverride.header."
    headers = dict(_map_headers(request, mock.headers))
    headers |= {
        name.removeprefix(override): value for name, value in values.items() if name.startswith(override)
    }
    return Answer(mock.status, tuple(headers.items()), body.strip().encode() if mock.status != 204 else b"")  # noqa: PLR2004 - No Content


def _describe(request: Request, request_id: str) -> dict[str, str]:
    return {
        "context.requestId": request_id,
        "context.httpMethod": request.method,
        "context.path": request.path,
        "context.identity.sourceIp": request.source_ip,
    }


def _map_headers(request: Request, expressions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Evaluate headers' mapping expressions: a text in single quotes, or a header of the request."""
    mapped = []
    for name, expression in expressions.items():
        if expression.startswith("'"):
            mapped.append((name, expression.strip("'")))
        elif expression.startswith(_REQUEST_HEADER) and (
            value := request.header(expression.removeprefix(_REQUEST_HEADER))
        ):
            mapped.append((name, value))
    return tuple(mapped)

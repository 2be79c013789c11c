"""The function of ``POST /invoke``: takes the request apart, and makes an answer of whatever comes of it.

Errors are problem documents (https://www.rfc-editor.org/rfc/rfc9457): `problems.py` says which.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from .invoking import Invoker, parse_request
from .places import Places
from .problems import CallerUnknownError, describe_problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from sparkdrop.aws.invocations import InvocationRecord

logger = Logger(service="sparkdrop-invoke")
app = APIGatewayRestResolver()


@cache
def get_invoker() -> Invoker:
    """Make what does the work, once for all calls that one instance of the function answers."""
    return Invoker(Places.from_environment(os.environ), logger)


@app.post("/invoke")
def invoke() -> Response[str]:
    """Record an invocation and wake its pipeline."""
    caller = _name_caller(app.current_event.raw_event)
    logger.append_keys(caller=caller)
    record, is_new = get_invoker().invoke(parse_request(app.current_event.decoded_body), caller)
    logger.info("invocation recorded" if is_new else "invocation asked for again", extra=_log(record))
    headers = {} if is_new else {"Idempotent-Replayed": "true"}
    return Response(202, "application/json", json.dumps(_answer(record)), headers)


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def explain(error: Exception) -> Response[str]:
    """Turn any error into a problem document; what is no caller's mistake is logged with its traceback."""
    problem = describe_problem(error)
    if problem.status >= 500:  # noqa: PLR2004 - HTTP's server errors
        logger.error("the call failed", exc_info=error)
    else:
        logger.info("refused", extra={"problem": problem.type, "detail": problem.detail})
    document = problem.to_document(request_id=str(app.current_event.request_context.request_id))
    return Response(problem.status, "application/problem+json", json.dumps(document))


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls."""
    return app.resolve(event, context)


def _answer(record: InvocationRecord) -> dict[str, str]:
    """The same for the same request, whenever it comes: how it stands by now, its own address tells."""
    return {
        "run_id": record.invocation_id,
        "state": "PENDING",
        "pipeline": record.request.pipeline,
        "url": f"/runs/{record.invocation_id}",
    }


def _log(record: InvocationRecord) -> dict[str, str]:
    return {"run_id": record.invocation_id, "pipeline": record.request.pipeline}


def _name_caller(event: dict[str, Any]) -> str:
    """Name who calls, as API Gateway has found out: an IAM identity's ARN, or a user of the user pool.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html

    Raises:
        CallerUnknownError: The API let somebody in without asking who it is.
    """
    context = event.get("requestContext") or {}
    arn = (context.get("identity") or {}).get("userArn")
    if arn:
        return str(arn)
    subject = ((context.get("authorizer") or {}).get("claims") or {}).get("sub")
    if subject:
        return f"cognito:{subject}"
    raise CallerUnknownError("the request was neither signed nor sent with a token")

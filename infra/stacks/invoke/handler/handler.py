"""The API's functions: hands a request to its route, and makes an answer of whatever comes of it.

One package for all of them, as they differ in what their roles may do alone. Errors are problem documents
(https://www.rfc-editor.org/rfc/rfc9457): `problems.py` says which.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from . import routes_api, routes_links, routes_runs, routes_uploads
from .answers import answer_problem, build_common_headers
from .logs import logger
from .metrics import count_refusal, write_metrics
from .places import read_origins
from .problems import describe_problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

app = APIGatewayRestResolver(enable_validation=True)
for routes in (routes_api, routes_links, routes_runs, routes_uploads):
    app.include_router(routes.router)


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def explain(error: Exception) -> Response[Any]:
    """Turn any error into a problem document; what is no caller's mistake is logged with its traceback."""
    problem = describe_problem(error)
    count_refusal(problem.name)
    if problem.status >= 500:  # noqa: PLR2004 - HTTP's server errors
        logger.error("the call failed", exc_info=error)
    else:
        logger.info("refused", extra={"problem": problem.type, "detail": problem.detail})
    return answer_problem(problem, str(app.current_event.request_context.request_id))


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls."""
    try:
        answered = app.resolve(event, context)
    finally:
        write_metrics()
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    headers = build_common_headers(
        request_id=str((event.get("requestContext") or {}).get("requestId", "")),
        origin=sent.get("origin"),
        origins=read_origins(os.environ),
    )
    told = answered["multiValueHeaders"]
    told |= {name: [value] for name, value in headers.items()}
    told.setdefault("Cache-Control", ["no-store"])
    return answered

"""The calls of runs that somebody asks for."""
# no `annotations` of the future: Powertools reads them from the routes at run time

import os
from functools import cache
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from sparkdrop.core.invocation import Invocation

from .answers import answer, answer_tagged
from .bodies import read_body
from .documenting import describe
from .invoking import Invoker
from .logs import identify, logger
from .metrics import count
from .models import InvocationAccepted, Run
from .parameters import Known, RunId
from .places import InvokePlaces
from .services import get_services

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it without types


@cache
def get_invoker() -> Invoker:
    """Make what does the work, once for all calls that one instance of the function answers."""
    return Invoker(InvokePlaces.from_environment(os.environ), logger)


@router.post(
    "/invoke",
    summary="Run a pipeline over one object or folder",
    operation_id="invoke",
    tags=["run"],
    responses=describe(
        InvocationAccepted,
        *("malformed", "unknown-pipeline", "forbidden", "conflict", "invalid-request", "refused"),
        *("busy", "not-published"),
        status=HTTPStatus.ACCEPTED,
    ),
)
def invoke() -> Response[Any]:
    """Record an invocation and wake its pipeline; the same key again is the same invocation."""
    caller = identify(router.current_event)
    record, is_new = get_invoker().invoke(read_body(Invocation, router.current_event), caller)
    if is_new:
        count("RunsInvoked")
    told = {"run_id": record.invocation_id, "pipeline": record.request.pipeline}
    logger.info("invocation recorded" if is_new else "invocation asked for again", extra=told)
    # the same for the same request, whenever it comes: how it stands by now, its own address tells
    accepted = InvocationAccepted(
        run_id=record.invocation_id,
        pipeline=record.request.pipeline,
        url=f"/runs/{record.invocation_id}",
    )
    headers = {} if is_new else {"Idempotent_Replayed": "true"}
    return answer(accepted, status=HTTPStatus.ACCEPTED, **headers)


@router.get(
    "/runs/<id>",
    summary="See how a run stands",
    operation_id="getRun",
    tags=["run"],
    responses=describe(Run, "unknown-run", "invalid-request", "not-published", tagged=True),
)
def get_run(id: RunId, if_none_match: Known = None) -> Response[Any]:  # noqa: A002 - as the API names it
    """See how a run stands, and in which batches its files are."""
    caller = identify(router.current_event)
    run = get_services().viewer.read_run(caller, id)
    return answer_tagged(Run.model_validate(run), state=run["state"], known=if_none_match)

"""The calls that tell of the API itself: its pipelines, its document, and that it answers."""
# no `annotations` of the future: Powertools reads them from the routes at run time

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from sparkdrop.core.access import may_upload, may_view
from sparkdrop.core.links import SINGLE_MAX_BYTES, takes_links

from .answers import JSON, answer
from .documenting import describe
from .logs import identify
from .models import Health, Limits, Pipelines, PipelineView
from .services import get_services

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it without types
API_VERSION = "1.0.0"


@router.get(
    "/pipelines",
    summary="List the pipelines",
    operation_id="listPipelines",
    tags=["api"],
    responses=describe(Pipelines, "not-published"),
)
def list_pipelines() -> Response[Any]:
    """List the pipelines that the caller may upload to or view, and how far it may go."""
    caller = identify(router.current_event)
    services = get_services()
    bucket = services.places.uploads_bucket
    found = [
        PipelineView(
            name=pipeline.name,
            description=pipeline.description,
            patterns=list(pipeline.arrival.keys),
            format=pipeline.format,
            max_bytes=pipeline.upload.max_bytes,
            may_upload=may_upload(pipeline, caller) and takes_links(pipeline, bucket),
            may_view=may_view(pipeline, caller),
        )
        for pipeline in services.read_catalog().list_for(caller)
    ]
    limits = Limits(
        single_put_bytes=SINGLE_MAX_BYTES,
        daily_uploads=services.places.daily_uploads,
        daily_bytes=services.places.daily_bytes,
        link_seconds=services.places.link_seconds,
    )
    return answer(Pipelines(pipelines=found, limits=limits))


@router.get(
    "/health",
    summary="See that the API answers",
    operation_id="getHealth",
    tags=["api"],
    responses=describe(Health),
)
def get_health() -> Response[Any]:
    """See that the API answers; nothing behind it is asked."""
    identify(router.current_event)
    return answer(Health(version=API_VERSION))


@router.get(
    "/openapi.json",
    summary="Get this document",
    operation_id="getOpenApi",
    tags=["api"],
    responses=describe(None)
    | {200: {"description": "OK", "content": {JSON: {"schema": {"type": "object"}}}}},
)
def get_openapi() -> Response[Any]:
    """Get the OpenAPI document of the API."""
    from .openapi import render_document

    identify(router.current_event)
    return Response(200, JSON, render_document(router.api_resolver, API_VERSION))

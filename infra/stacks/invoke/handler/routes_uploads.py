"""The calls that tell how uploads stand."""
# no `annotations` of the future: Powertools reads them from the routes at run time

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from .answers import answer, answer_tagged
from .documenting import describe
from .logs import identify
from .pages import Filters
from .parameters import CursorText, Known, Limit, Since, State, UploadId, clamp_time
from .services import get_services
from .upload_models import PipelineName, Upload, UploadsPage

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it without types
_DEFAULT_LIMIT = 50


@router.get(
    "/uploads",
    summary="List uploads, the newest first",
    operation_id="listUploads",
    tags=["status"],
    responses=describe(UploadsPage, "unknown-pipeline", "invalid-request", "not-published"),
)
def list_uploads(
    pipeline: Annotated[PipelineName | None, Query(description="only this pipeline's")] = None,
    state: State = None,
    since: Since = None,
    limit: Limit = _DEFAULT_LIMIT,
    cursor: CursorText = None,
) -> Response[Any]:
    """List the caller's own uploads; of a pipeline that it may view, everybody's.

    A page may be short, or empty, before the end: `cursor` is null at the end alone.
    """
    caller = identify(router.current_event)
    filters = Filters(pipeline, state, clamp_time(since), limit, cursor)
    views, following = get_services().viewer.list_uploads(caller, filters)
    return answer(UploadsPage.model_validate({"uploads": views, "cursor": following}))


@router.get(
    "/uploads/<id>",
    summary="See how an upload stands",
    operation_id="getUpload",
    tags=["status"],
    responses=describe(Upload, "unknown-upload", "invalid-request", "not-published", tagged=True),
)
def get_upload(id: UploadId, if_none_match: Known = None) -> Response[Any]:  # noqa: A002 - as the API names it
    """See how an upload stands, from its link to the result of its pipeline."""
    caller = identify(router.current_event)
    view = get_services().viewer.read_upload(caller, id)
    return answer_tagged(Upload.model_validate(view), state=view["state"], known=if_none_match)

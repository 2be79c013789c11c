"""The calls that upload a file: leave to send it in one request, or in parts."""
# no `annotations` of the future: Powertools reads them from the routes at run time

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from sparkdrop.core.links import LinkState, count_parts

from .answers import answer
from .bodies import read_body
from .documenting import describe
from .logs import identify, logger
from .metrics import count, count_link
from .parameters import ContentTypeAsked, PartsAsked, Sha256, Size, UploadId
from .services import get_services
from .upload_models import (
    DEFAULT_CONTENT_TYPE,
    Filename,
    MultipartUpload,
    NewUpload,
    Nothing,
    Parts,
    PartUrl,
    PipelineName,
    ReceivedPart,
    Upload,
    UploadLink,
)

router = Router()  # type: ignore[no-untyped-call]  # Powertools leaves it without types
_OF_A_NEW_ONE = (
    *("unknown-pipeline", "forbidden", "invalid-request", "refused", "too-large", "quota-exceeded"),
    *("busy", "not-published"),
)
_OF_AN_OWN_ONE = ("unknown-upload", "unknown-pipeline", "forbidden", "conflict", "not-published")


@router.get(
    "/upload-url",
    summary="Get leave to upload one file with one PUT",
    operation_id="getUploadUrl",
    tags=["upload"],
    responses=describe(UploadLink, "missing-parameter", *_OF_A_NEW_ONE),
)
def get_upload_url(
    pipeline: Annotated[PipelineName, Query(examples=["flights"])],
    filename: Annotated[Filename, Query(examples=["2026-03.csv"])],
    size: Size,
    sha256: Sha256,
    content_type: ContentTypeAsked = DEFAULT_CONTENT_TYPE,
) -> Response[Any]:
    """Get a signed URL for exactly this content: no other size, no other hash, and once only."""
    from .linking import Wish

    caller = identify(router.current_event)
    wish = Wish(pipeline, filename, size, content_type, sha256)
    link, signed = get_services().linker.open_single(caller, wish)
    count_link(link.bytes)
    logger.info("link made", extra={"upload_id": link.upload_id, "pipeline": link.pipeline})
    return answer(
        UploadLink(
            upload_id=link.upload_id,
            url=signed.url,
            headers=dict(signed.headers),
            expires_at=link.expires_at.isoformat(),
            pipeline=link.pipeline,
            filename=link.filename,
            size=link.bytes,
        )
    )


@router.post(
    "/uploads",
    summary="Begin to upload one file in parts",
    operation_id="createUpload",
    tags=["upload"],
    responses=describe(MultipartUpload, "malformed", *_OF_A_NEW_ONE, status=HTTPStatus.CREATED),
)
def create_upload() -> Response[Any]:
    """Begin an upload in parts: all of one size but the last, which has the rest."""
    from .linking import Wish

    caller = identify(router.current_event)
    asked = read_body(NewUpload, router.current_event)
    wish = Wish(asked.pipeline, asked.filename, asked.size, asked.content_type)
    link = get_services().linker.open_multipart(caller, wish)
    count_link(link.bytes)
    logger.info("multipart upload begun", extra={"upload_id": link.upload_id, "pipeline": link.pipeline})
    part_bytes = link.part_bytes or link.bytes
    begun = MultipartUpload(
        upload_id=link.upload_id,
        part_size=part_bytes,
        part_count=count_parts(link.bytes, part_bytes),
        expires_at=link.expires_at.isoformat(),
        pipeline=link.pipeline,
        filename=link.filename,
        size=link.bytes,
    )
    return answer(begun, status=HTTPStatus.CREATED, Location=f"/uploads/{link.upload_id}")


@router.get(
    "/uploads/<id>/parts",
    summary="Get leave to upload parts, and see which are there",
    operation_id="getParts",
    tags=["upload"],
    responses=describe(Parts, *_OF_AN_OWN_ONE, "expired", "invalid-request", "refused"),
)
def get_parts(id: UploadId, part: PartsAsked = []) -> Response[Any]:  # noqa: A002, B006 - as the API names it; read only
    """Get a signed URL for each part that is named, whether it was sent before or not."""
    from .multipart import WantedPart
    from .signing import decode_sha256

    caller = identify(router.current_event)
    services = get_services()
    found = services.viewer.find_own(caller, id, to_upload=True)
    split = [one.partition(":") for one in part]
    wanted = [WantedPart(int(number), sha256) for number, _, sha256 in split]
    stored = services.multiparts.list_parts(found)
    signed = services.multiparts.sign_parts(found, wanted)
    link = found.link
    part_bytes = link.part_bytes or link.bytes
    return answer(
        Parts(
            upload_id=link.upload_id,
            part_size=part_bytes,
            part_count=count_parts(link.bytes, part_bytes),
            size=link.bytes,
            parts=[
                ReceivedPart(
                    part_number=one.number,
                    size=one.bytes,
                    sha256=decode_sha256(one.sha256) if one.sha256 else None,
                )
                for one in stored
            ],
            urls=[
                PartUrl(
                    part_number=one.number,
                    url=one.request.url,
                    headers=dict(one.request.headers),
                    size=one.size,
                    expires_at=one.request.expires_at.isoformat(),
                )
                for one in signed
            ],
        )
    )


@router.post(
    "/uploads/<id>/complete",
    summary="Make one object of the parts",
    operation_id="completeUpload",
    tags=["upload"],
    responses=describe(
        Upload, "malformed", *_OF_AN_OWN_ONE, "expired", "incomplete", "invalid-request", "busy"
    ),
)
def complete_upload(id: UploadId) -> Response[Any]:  # noqa: A002 - as the API names it
    """Make one object of the parts; asking again is harmless."""
    caller = identify(router.current_event)
    read_body(Nothing, router.current_event, default="{}")
    services = get_services()
    found = services.viewer.find_own(caller, id, to_upload=True)
    services.multiparts.complete(found)
    if found.link.state is LinkState.OPEN:  # and was not completed before
        count("UploadsCompleted")
    logger.info("multipart upload completed", extra={"upload_id": id})
    return answer(Upload.model_validate(services.viewer.read_upload(caller, id)))


@router.delete(
    "/uploads/<id>",
    summary="Let go of a link and of its parts",
    operation_id="cancelUpload",
    tags=["upload"],
    responses=describe(
        None,
        *("unknown-upload", "forbidden", "conflict", "busy", "not-published"),
        status=HTTPStatus.NO_CONTENT,
    ),
)
def cancel_upload(id: UploadId) -> Response[Any]:  # noqa: A002 - as the API names it
    """Let go of a link, as long as nothing has come of it; asking again is harmless.

    A URL that was signed before stays good until it expires: what is sent to it is processed all the same.
    """
    caller = identify(router.current_event)
    services = get_services()
    services.multiparts.cancel(services.viewer.find_own(caller, id, to_upload=False))
    logger.info("link let go of", extra={"upload_id": id})
    return Response(int(HTTPStatus.NO_CONTENT))

"""moto, mended and guarded, as one WSGI application."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def build_application() -> WSGIApplication:
    """Import moto, mend it, and build its application with the guard before it.

    Takes about a second: everything that CloudFormation may create is imported with it.
    """
    # a host like bucket.127.0.0.1 is nobody's, and names in paths are buckets only
    os.environ.setdefault("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
    # what moto says that it skips, twice each, is set by sparkdrop_local.aws.completion
    warnings.filterwarnings("ignore", message="Tried to parse .* but it's not supported by moto")
    logging.getLogger("moto").addFilter(
        lambda record: "No Moto CloudFormation support" not in str(record.msg)
    )

    importlib.import_module("moto.cloudformation.parsing")  # the largest, before a request waits for it
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    from sparkdrop_local.aws.moto_fixes import apply_fixes
    from sparkdrop_local.aws.s3_guard import S3Guard
    from sparkdrop_local.aws.s3_guard.account import MotoAccount

    apply_fixes()
    application: Any = DomainDispatcherApplication(_create_service)
    return S3Guard(application, MotoAccount())


def _create_service(name: Any) -> Any:  # noqa: ANN401 - moto's type of all its services, and Flask's application
    from moto.moto_server.werkzeug_app import create_backend_app

    service = create_backend_app(name)
    service.teardown_request(_forget_body)
    return service


def _forget_body(_: BaseException | None) -> None:
    """Let go of a request's body; moto leaves the request in a cycle of references.

    Ten parts of an upload would otherwise be in memory until garbage is collected.
    """
    from flask import request

    for name in ("data", "_cached_data"):
        vars(request._get_current_object()).pop(name, None)  # type: ignore[attr-defined] # noqa: SLF001 - the request behind Flask's proxy

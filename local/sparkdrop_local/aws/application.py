"""moto, mended, as one WSGI application."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def build_application() -> WSGIApplication:
    """Import moto, mend it, and build its application.

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
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from sparkdrop_local.aws.moto_fixes import apply_fixes

    apply_fixes()
    application: Any = DomainDispatcherApplication(create_backend_app)
    return application  # type: ignore[no-any-return]

"""moto, mended, as one WSGI application."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def build_application() -> WSGIApplication:
    """Import moto, mend it, and build its application.

    Takes a second or two: everything that CloudFormation may create is imported with it.
    """
    # a name like emr-containers.127.0.0.1 would be read as a bucket's
    os.environ.setdefault("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
    # what it says that it skips is set by sparkdrop_local.aws.completion
    warnings.filterwarnings("ignore", message="Tried to parse .* but it's not supported by moto's")

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from sparkdrop_local.aws.moto_fixes import apply_fixes

    apply_fixes()
    application: Any = DomainDispatcherApplication(create_backend_app)
    return application  # type: ignore[no-any-return]

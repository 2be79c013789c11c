"""The API's calls, in one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from infra.constructs.api_models import INVOCATION, MULTIPART_UPLOAD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_lambda as lambda_

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call.

    Attributes:
        method: Its HTTP method.
        path: Its path; what is in braces is a parameter.
        function: What answers it.
        required: Query parameters that have to be there.
        optional: Query parameters that may be there.
        body: The schema of its JSON body; None where it has none.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    function: lambda_.IFunction
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None

    @property
    def parameters(self) -> dict[str, bool]:
        """Every parameter as API Gateway names it, and whether it has to be there."""
        return {
            **{f"method.request.path.{name}": True for name in _PATH_PARAMETER.findall(self.path)},
            **{f"method.request.querystring.{name}": True for name in self.required},
            **{f"method.request.querystring.{name}": False for name in self.optional},
        }


def build_calls(*, invoke: lambda_.IFunction, uploads: lambda_.IFunction) -> tuple[ApiCall, ...]:
    """The table: ``invoke`` starts runs, ``uploads`` answers all else."""
    return (
        ApiCall(
            "GET",
            "/upload-url",
            uploads,
            required=("pipeline", "filename", "size", "sha256"),
            optional=("content_type",),
        ),
        ApiCall("POST", "/uploads", uploads, body=MULTIPART_UPLOAD),
        ApiCall("GET", "/uploads", uploads, optional=("pipeline", "state", "since", "limit", "cursor")),
        ApiCall("GET", "/uploads/{id}", uploads),
        # once for each part that is to be signed
        ApiCall("GET", "/uploads/{id}/parts", uploads, optional=("part",)),
        # S3 knows the parts: a body has nothing to say, and may be missing
        ApiCall("POST", "/uploads/{id}/complete", uploads),
        ApiCall("DELETE", "/uploads/{id}", uploads),
        ApiCall("POST", "/invoke", invoke, body=INVOCATION),
        ApiCall("GET", "/runs/{id}", uploads),
        ApiCall("GET", "/pipelines", uploads),
        ApiCall("GET", "/openapi.json", uploads),
        ApiCall("GET", "/health", uploads),
    )

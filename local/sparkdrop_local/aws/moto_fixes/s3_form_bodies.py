"""Objects whose type is a form's, such as what ``curl --data-binary`` puts.

moto's server reads such a body as a form, whatever it is the body of: the object is then empty. No API of AWS
puts a form, so what is put is never read as one here.
"""

from __future__ import annotations

from typing import Any

from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication

_get_body = DomainDispatcherApplication._get_body  # noqa: SLF001 - moto has no public place for it


def get_body(self: DomainDispatcherApplication, environ: dict[str, Any]) -> str | None:
    """Read a form as moto does, to find its service; leave what is put to the service."""
    body: str | None = None if environ.get("REQUEST_METHOD") == "PUT" else _get_body(self, environ)
    return body


def want_form_data_parsed(self: BackendRequest) -> bool:
    """Whether a body may be a form."""
    return self.method != "PUT" and bool(self.environ.get("CONTENT_TYPE"))


def apply() -> None:
    """Let moto's server read bodies this way."""
    DomainDispatcherApplication._get_body = get_body  # type: ignore[method-assign] # noqa: SLF001 - as above
    BackendRequest.want_form_data_parsed = property(want_form_data_parsed)  # type: ignore[method-assign, assignment] # werkzeug's own hook

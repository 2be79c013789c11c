"""What the page's answers tell a browser: what CloudFront's policy in its template says, for this machine.

Two things differ. The page connects to its own origin and to the emulated S3 instead of AWS's names. And
nothing is said of TLS, which is not here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparkdrop_local.aws.templates import StackTemplate

_KIND = "AWS::CloudFront::ResponseHeadersPolicy"
_POLICY = "Content-Security-Policy"
_CONNECT = re.compile(r"connect-src [^;]*")
_TLS = "StrictTransportSecurity"


def read_page_headers(template: StackTemplate, connect: str) -> tuple[tuple[str, str], ...]:
    """Read the headers of the page's stack.

    Args:
        template: The stack.
        connect: Where the page may connect to beside its own origin.

    Raises:
        EmulationError: The stack says more, or other, than is known here.
    """
    policies = [one for one in template.body["Resources"].values() if one["Type"] == _KIND]
    if len(policies) != 1:
        raise EmulationError(f"{template.id} has {len(policies)} policies of headers, and one is known here")
    config = policies[0]["Properties"]["ResponseHeadersPolicyConfig"]
    custom = config.get("CustomHeadersConfig", {}).get("Items", ())
    security = config["SecurityHeadersConfig"]
    return (
        *_read_security(security, connect),
        *((item["Header"], item["Value"]) for item in custom),
    )


def _read_security(config: Mapping[str, Any], connect: str) -> Iterator[tuple[str, str]]:
    for name, header in config.items():
        match name:
            case "ContentSecurityPolicy":
                yield _POLICY, _localize(header[name], connect)
            case "ContentTypeOptions":
                yield "X-Content-Type-Options", "nosniff"
            case "FrameOptions":
                yield "X-Frame-Options", header["FrameOption"]
            case "ReferrerPolicy":
                yield "Referrer-Policy", header[name]
            case _ if name != _TLS:
                raise EmulationError(f"the page's policy of headers: no {name} is known here")


def _localize(policy: Any, connect: str) -> str:  # noqa: ANN401 - any part of a template
    """Put this machine's places in the place of AWS's, which no deployed stack has."""
    match policy:
        case {"Fn::Join": ["", list(parts)]}:
            text = "".join(part if isinstance(part, str) else "-" for part in parts)
        case str(text):
            pass
        case _:
            raise EmulationError(f"the page's content security policy is not known in this form: {policy}")
    localized, count = _CONNECT.subn(f"connect-src 'self' {connect}", text)
    if count != 1:
        raise EmulationError(f"the page's content security policy has no connect-src: {text}")
    return localized

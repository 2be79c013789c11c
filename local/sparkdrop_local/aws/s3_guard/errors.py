"""What S3 answers when it refuses.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from sparkdrop.core.errors import SparkdropError

BAD_REQUEST = 400
FORBIDDEN = 403
LENGTH_REQUIRED = 411


@dataclass(eq=False)
class S3Error(SparkdropError):
    """A refusal.

    Attributes:
        code: As S3 names it, such as AccessDenied.
        message: One sentence for a person.
        status: HTTP's.
        details: Elements beside these two, by name.
    """

    code: str
    message: str
    status: int = FORBIDDEN
    details: dict[str, str] = field(default_factory=dict)

    def build_body(self, request_id: str) -> bytes:
        """Write the error as S3 does."""
        elements = {
            "Code": self.code,
            "Message": self.message,
            **self.details,
            "RequestId": request_id,
            "HostId": f"sparkdrop-local/{request_id}",
        }
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in elements.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()

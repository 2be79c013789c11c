"""Which part of a list is asked for, and where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkdrop.core.uploads import is_upload_id

from .problems import InvalidFieldError

if TYPE_CHECKING:
    from datetime import datetime

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Filters:
    """Which uploads are asked for.

    Attributes:
        pipeline: Only this pipeline's; without, the caller's own.
        state: Only those in this state.
        since: Only what is not older.
        limit: At most so many.
        cursor: Where the last answer ended.
    """

    pipeline: str | None
    state: str | None
    since: datetime | None
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: opaque to whoever is given it, so that its inside may change.

    Attributes:
        position: The id that the next page comes after.
        scope: Which list: another one's place is none in this.
    """

    position: str
    scope: str

    def encode(self) -> str:
        """Write it so that a URL can hold it as it is."""
        inside = json.dumps([_VERSION, self.position, self.scope], separators=(",", ":"))
        return base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")


def parse_cursor(text: str, scope: str) -> str:
    """Read the position from a cursor of this list.

    Raises:
        InvalidFieldError: It is none.
    """
    try:
        inside = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _refuse() from error
    if not isinstance(inside, list) or len(inside) != 3:  # noqa: PLR2004 - as `encode` writes them
        raise _refuse()
    version, position, found_scope = inside
    if version != _VERSION or found_scope != scope or not isinstance(position, str):
        raise _refuse()
    if not is_upload_id(position):
        raise _refuse()
    return position


def _refuse() -> InvalidFieldError:
    return InvalidFieldError(
        "cursor", "this is no cursor of this list: give back what the last page of the same list answered"
    )

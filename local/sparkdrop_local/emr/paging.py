"""Pages of a list, with EMR's opaque marker: it names the last item seen, so that new items shift no page."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from sparkdrop_local.emr.errors import EmrError, invalid_request

PAGE_SIZE = 50
Item = TypeVar("Item")


def take_page(
    items: Sequence[Item],
    marker: str | None,
    key: Callable[[Item], str],
    *,
    matches: Callable[[Item], bool] = lambda _: True,
    size: int = PAGE_SIZE,
    refuse: Callable[[str], EmrError] = invalid_request,
) -> tuple[list[Item], str | None]:
    """Take the page after a marker.

    Args:
        items: the whole list; what does not match is left out here, since what the marker names may have
            stopped matching.
        marker: from the page before; None for the first page.
        key: an item's name in the marker.
        matches: whether an item is asked for.
        size: the most items of a page.
        refuse: makes the error of a marker that this list did not give.

    Returns:
        The items, and the marker of the next page; None when this is the last.

    Raises:
        EmrError: by ``refuse``.
    """
    start = 0
    if marker is not None:
        names = [key(item) for item in items]
        try:
            start = names.index(_decode(marker)) + 1
        except ValueError as error:
            raise refuse(f"Marker '{marker}' is not valid.") from error
    rest = [item for item in items[start:] if matches(item)]
    page = rest[:size]
    is_last = len(rest) <= size
    return page, None if is_last else base64.urlsafe_b64encode(key(page[-1]).encode()).decode()


def _decode(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(marker) from error

"""Pages of a list, with EMR's opaque marker: it names the last item seen, so that new items shift no page."""

import base64
import binascii
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from sparkdrop_local.emr.errors import EmrError, invalid_request

PAGE_SIZE = 50
Item = TypeVar("Item")


def take_page(
    items: Iterable[Item],
    marker: str | None,
    key: Callable[[Item], str],
    *,
    matches: Callable[[Item], bool] = lambda _: True,
    size: int = PAGE_SIZE,
    refuse: Callable[[str], EmrError] = invalid_request,
) -> tuple[list[Item], str | None]:
    """Take the page after a marker.

    Args:
        items: the whole list, read no further than the page ends; what does not match is left out here, since
            what the marker names may have stopped matching.
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
    rest = iter(items)
    if marker is not None:
        _skip_to(marker, rest, key, refuse)
    # one more than the page holds tells whether there is another page
    found = list(itertools.islice(filter(matches, rest), size + 1))
    page = found[:size]
    is_last = len(found) <= size
    return page, None if is_last else base64.urlsafe_b64encode(key(page[-1]).encode()).decode()


def _skip_to(
    marker: str, items: Iterator[Item], key: Callable[[Item], str], refuse: Callable[[str], EmrError]
) -> None:
    """Take from the items all up to the one that the marker names."""
    try:
        name = _decode(marker)
    except ValueError as error:
        raise refuse(f"Marker '{marker}' is not valid.") from error
    if not any(key(item) == name for item in items):
        raise refuse(f"Marker '{marker}' is not valid.")


def _decode(marker: str) -> str:
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(marker) from error

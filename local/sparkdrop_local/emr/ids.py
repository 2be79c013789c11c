"""Names that look as EMR makes them."""

import random


def make_name(prefix: str, characters: str, count: int) -> str:
    """Make a name: a prefix, and as many characters at random."""
    return prefix + "".join(random.choices(characters, k=count))  # noqa: S311 - a name, not a secret

"""A bucket's CORS rules.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANY = "*"


@dataclass(frozen=True, slots=True)
class CorsRule:
    """One rule.

    Attributes:
        methods: Those that are allowed.
        origins: Those that are allowed; each may have one ``*``.
        headers: What a preflight may ask for; each may have one ``*``.
        exposed: What a page may read of an answer.
        max_age_seconds: For how long a browser may keep a preflight's answer, as text; None: not told.
    """

    methods: tuple[str, ...]
    origins: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_seconds: str | None = None

    def allows(self, origin: str, method: str, headers: Iterable[str] = ()) -> bool:
        """Whether the rule is for such a request."""
        return (
            method in self.methods
            and _matches_any(self.origins, origin, case=True)
            and all(_matches_any(self.headers, header, case=False) for header in headers)
        )


def find_rule(
    rules: Sequence[CorsRule], origin: str, method: str, headers: Iterable[str] = ()
) -> CorsRule | None:
    """Find the first rule for such a request, which is the one that counts."""
    named = tuple(headers)
    return next((rule for rule in rules if rule.allows(origin, method, named)), None)


def build_headers(rule: CorsRule, origin: str, requested: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Build what an answer under the rule has.

    Args:
        rule: The rule.
        origin: The page's.
        requested: The headers that a preflight asks for.
    """
    anybody = ANY in rule.origins
    found = [
        ("Access-Control-Allow-Origin", ANY if anybody else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.methods)),
        ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    ]
    if requested:
        found.append(("Access-Control-Allow-Headers", ", ".join(requested)))
    if rule.exposed:
        found.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed)))
    if rule.max_age_seconds:
        found.append(("Access-Control-Max-Age", rule.max_age_seconds))
    if not anybody:
        found.append(("Access-Control-Allow-Credentials", "true"))
    return found


def _matches_any(patterns: Iterable[str], value: str, *, case: bool) -> bool:
    return any(_compile(pattern, case).fullmatch(value) for pattern in patterns)


@lru_cache(maxsize=256)
def _compile(pattern: str, case: bool) -> re.Pattern[str]:  # noqa: FBT001 - a cache's key
    return re.compile(".*".join(map(re.escape, pattern.split(ANY))), 0 if case else re.IGNORECASE)

"""Authorization codes: each good once, for a minute, for the request that it was made for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparkdrop_local.api.user_pool import Tokens

LIFETIME_SECONDS = 60
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for.

    Attributes:
        tokens: What it is exchanged for.
        redirect_uri: Where it was sent; the exchange has to name the same.
        challenge: PKCE's; the exchange has to bring what it is the hash of.
    """

    tokens: Tokens
    redirect_uri: str
    challenge: str

    def fits(self, redirect_uri: str, verifier: str) -> bool:
        """Whether an exchange comes from whoever asked for the code."""
        return redirect_uri == self.redirect_uri and hmac.compare_digest(
            build_challenge(verifier), self.challenge
        )


class Codes:
    """The codes that are out.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._out: dict[str, tuple[float, Grant]] = {}

    def make(self, grant: Grant) -> str:
        """Make a code."""
        code = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._out = {key: kept for key, kept in self._out.items() if kept[0] > now}
            self._out[code] = (now + LIFETIME_SECONDS, grant)
        return code

    def take(self, code: str) -> Grant | None:
        """Use a code up; None where it is none, not any more, or was used."""
        with self._lock:
            ends, grant = self._out.pop(code, (0.0, None))
        return grant if ends > self._clock() else None


def build_challenge(verifier: str) -> str:
    """The challenge of a verifier by S256: https://datatracker.ietf.org/doc/html/rfc7636#section-4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    """Whether a text can be a challenge: a SHA-256 in base64url."""
    return _CHALLENGE.fullmatch(text) is not None

"""How many rows of a file may not fit: the ``rejects`` block of a pipeline file."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from sparkdrop.core.compute import Model
from sparkdrop.core.document import describe
from sparkdrop.core.values import none_from_word

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_SHARE_SCHEMA = {"type": "string", "pattern": r"^\s*\d{1,3}(\.\d{1,6})?\s*%\s*$", "examples": ["10%", "0.5%"]}
_WHOLE = Decimal(100)


def parse_share(text: str) -> float:
    """Read a share, ``10%`` as 0.1.

    Raises:
        ValueError: No percent sign, or not from 0% to 100%.
    """
    found = _SHARE.fullmatch(text.strip())
    if found is None or Decimal(found[1]) > _WHOLE:
        message = f'found {text!r}; accepted: a share from "0%" to "100%"'
        raise ValueError(message)
    return float(Decimal(found[1]) / _WHOLE)


def format_share(share: float) -> str:
    """Write a share as ``10%``; what is written reads back as the same."""
    return f"{(Decimal(repr(share)) * _WHOLE).normalize():f}%"


def _share_from_yaml(value: object) -> object:
    if isinstance(value, str):
        return parse_share(value)
    message = f'found {describe(value)}; accepted: a share with its percent sign, from "0%" to "100%"'
    raise ValueError(message)


Share = Annotated[
    float, BeforeValidator(_share_from_yaml), PlainSerializer(format_share), WithJsonSchema(_SHARE_SCHEMA)
]
"""A part of a whole, written in percent."""


def _write_none(value: int | None) -> int | str:
    return "none" if value is None else value


class RejectSettings(Model):
    """How many rows of a file may not fit; beyond it, the file is QUARANTINED."""

    max_share: Share = 1.0
    """The most rows, as a share of the file's own. A file of which no row fits is QUARANTINED anyway."""
    max_rows: Annotated[
        Annotated[int, Field(strict=True, ge=0)] | None,
        BeforeValidator(none_from_word),
        PlainSerializer(_write_none),
        WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
    ] = None
    """The most rows of one file, or `none`."""

    def describe(self, uri: str) -> dict[str, Any]:
        """Say in a manifest where rejects go, and how many there may be."""
        return {"uri": uri, "max_share": self.max_share, "max_rows": self.max_rows}

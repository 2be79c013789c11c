"""The little of Velocity that the templates of mock integrations speak: ``#set``, ``#if`` and references.

Of the functions only ``$input.params().header.get("Name")`` is known; anything else is refused when the
template is read, not passed over:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sparkdrop_local.aws.errors import EmulationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<header>\$input\.params\(\)\.header\.get\("(?P<name>[^"]*)"\))
    | (?P<variable>\$\w[\w-]*(?:\.\w[\w-]*)*)
    | "(?P<text>[^"$]*)"
    | (?P<sign>==|!=|\|\||=|!|\(|\))
    )""",
    re.VERBOSE,
)
_DIRECTIVE = re.compile(r"#(?:(?P<word>set|if)\s*(?=\()|(?P<end>end)\b)")
_UNKNOWN = re.compile(r"#\w|\$(?:input|util)\b")
_VARIABLE = re.compile(r"\$\w[\w-]*(?:\.\w[\w-]*)*")

# what a name stands for; a header that is set is a name, too: context.responseOverride.header.Vary
Values = dict[str, str]


def render(template: str, values: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, Values]:
    """Fill a template.

    Args:
        template: Its text.
        values: What references stand for, such as ``context.requestId``.
        headers: What ``$input.params().header`` finds, by the names as they were sent.

    Returns:
        The text, and every value as it is at the end: what the template has set is among them.

    Raises:
        EmulationError: The template says what is not known here.
    """
    rendering = _Rendering(template, dict(values), headers)
    return rendering.run(), rendering.values


class _Rendering:
    def __init__(self, template: str, values: Values, headers: Mapping[str, str]) -> None:
        self.values = values
        self._template = template
        self._headers = headers
        self._at = 0

    def run(self) -> str:
        text = self._block(live=True)
        if self._at < len(self._template):
            raise self._error("an #end too many")
        return text

    def _block(self, *, live: bool) -> str:
        """Read up to the block's end; what is not live is read, so that it is checked, and left out."""
        written: list[str] = []
        while found := _DIRECTIVE.search(self._template, self._at):
            written.append(self._fill(self._template[self._at : found.start()]))
            self._at = found.end()
            if found["end"]:
                self._at = found.start()
                break
            if found["word"] == "set":
                self._set(live=live)
            else:
                written.append(self._if(live=live))
        else:
            written.append(self._fill(self._template[self._at :]))
            self._at = len(self._template)
        return "".join(written) if live else ""

    def _set(self, *, live: bool) -> None:
        self._expect("(")
        token = self._next()
        name = token["variable"]
        if not name:
            raise self._error("#set sets no name")
        self._expect("=")
        value = self._either()
        self._expect(")")
        if live:
            self.values[name.removeprefix("$")] = value

    def _if(self, *, live: bool) -> str:
        self._expect("(")
        holds = bool(self._either())
        self._expect(")")
        inside = self._block(live=live and holds)
        if not self._template.startswith("#end", self._at):
            raise self._error("an #if without its #end")
        self._at += len("#end")
        return inside

    # an empty text stands for what is not there, and for "no"
    def _either(self) -> str:
        value = self._comparison()
        while self._skip("||"):
            other = self._comparison()
            value = value or other
        return value

    def _comparison(self) -> str:
        value = self._operand()
        for sign, equal in (("==", True), ("!=", False)):
            if self._skip(sign):
                return "true" if (value == self._operand()) is equal else ""
        return value

    def _operand(self) -> str:
        if self._skip("!"):
            return "" if self._operand() else "true"
        token = self._next()
        if token["header"]:
            return self._headers.get(token["name"], "")
        if token["variable"]:
            return self.values.get(token["variable"].removeprefix("$"), "")
        if token["text"] is not None:
            return token["text"]
        raise self._error("no value")

    def _fill(self, text: str) -> str:
        if _UNKNOWN.search(text):
            raise self._error("a directive or function that is not known here")
        return _VARIABLE.sub(lambda found: self.values.get(found[0].removeprefix("$"), found[0]), text)

    def _next(self) -> re.Match[str]:
        token = _TOKEN.match(self._template, self._at)
        if token is None:
            raise self._error("an expression that is not known here")
        self._at = token.end()
        return token

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            raise self._error(f"no {sign!r} where one belongs")

    def _skip(self, sign: str) -> bool:
        token = _TOKEN.match(self._template, self._at)
        if token is None or token["sign"] != sign:
            return False
        self._at = token.end()
        return True

    def _error(self, what: str) -> EmulationError:
        there = self._template[self._at : self._at + 40]
        return EmulationError(f"mapping template: {what}, before {there!r}")

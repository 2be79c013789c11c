"""How files are read: the ``input`` block of a pipeline file, and what the Spark program is told of it.

All is checked here, when the file is validated; nothing is left for the cluster to find out.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sparkdrop.core.compute import Model
from sparkdrop.core.ddl import parse_ddl
from sparkdrop.core.endings import TEXT_FORMATS, Format
from sparkdrop.core.input_values import (
    Charset,
    DatePattern,
    Grouping,
    NullText,
    OptionalMark,
    RowTag,
    Separator,
    TimestampPattern,
    TimeZone,
)

_CSV_KEYS = ("separator", "quote", "escape", "header", "skip_lines", "comment")
_KEYS_OF: dict[tuple[Format, ...], tuple[str, ...]] = {
    ("csv",): _CSV_KEYS,
    ("csv", "xml"): ("nulls", "decimal", "grouping", "leading_zeros"),  # JSON has its own null and numbers
    TEXT_FORMATS: ("charset", "date_format", "timestamp_format", "time_zone"),  # others have types
    ("xml",): ("row_tag",),
}
_MARKS = ("separator", "quote", "escape", "comment")
MAX_SKIPPED_LINES = 1000


class Input(Model):
    """How the files are read."""

    format: Format
    """Read from the key patterns' endings where it is left out."""
    schema_: Annotated[str | None, Field(alias="schema")] = None
    """Spark DDL, as in `year INT, carrier STRING`; leave it out to infer."""
    columns: Literal["exact", "evolve", "ignore_extra"] = "exact"
    """`exact`: each file has these. `evolve`: may miss some, adds others. `ignore_extra`: drops others."""
    charset: Charset = "utf-8"
    """Of CSV, JSON and XML, as in `windows-1252`."""
    separator: Separator | None = None
    """Between a CSV's fields, one character or `tab`; else a comma, and a tab in files that end in `.tsv`."""
    quote: OptionalMark = '"'
    """Around a CSV's fields, one character or `none`."""
    escape: OptionalMark = None
    """What takes a CSV's next character out of the dialect, or `none`. Doubled quotes are read anyway."""
    header: Annotated[bool, Field(strict=True)] = True
    """Whether a CSV's first line names its columns."""
    skip_lines: Annotated[int, Field(strict=True, ge=0, le=MAX_SKIPPED_LINES)] = 0
    """Lines before a CSV's header that are passed over."""
    comment: OptionalMark = None
    """What begins a line of a CSV that is passed over, one character or `none`."""
    nulls: tuple[NullText, ...] = ()
    """Texts of CSV and XML that mean "missing", where no quotes are around them."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of numbers in CSV and XML."""
    grouping: Grouping = None
    """The mark between groups of three digits, or `none`; `.` where `decimal` is a comma."""
    leading_zeros: Annotated[bool, Field(strict=True)] = False
    """Whether `007` is a whole number."""
    date_format: DatePattern | None = None
    """Spark's letters, as in `dd.MM.yyyy`; left out, `2026-05-31`."""
    timestamp_format: TimestampPattern | None = None
    """Spark's letters, as in `dd.MM.yyyy HH:mm`; left out, ISO 8601."""
    time_zone: TimeZone = "UTC"
    """Of times in CSV, JSON and XML that name none, as in `Europe/Berlin`."""
    row_tag: RowTag | None = None
    """The XML element that is a row."""

    @model_validator(mode="before")
    @classmethod
    def _fill_from_others(cls, data: object) -> object:
        """Let an empty key say nothing, and a decimal comma imply the mark between groups."""
        if not isinstance(data, dict):
            return data
        known = {info.alias or name for name, info in cls.model_fields.items()}
        given = {key: value for key, value in data.items() if value is not None or key not in known}
        return {"grouping": ".", **given} if given.get("decimal") == "," else given

    @field_validator("schema_")
    @classmethod
    def _check_schema(cls, value: str | None, info: ValidationInfo) -> str | None:
        nested = [column.name for column in parse_ddl(value) if column.is_nested] if value is not None else []
        if nested and info.data.get("format") == "csv":
            message = f"CSV cannot hold ARRAY, MAP or STRUCT: {', '.join(nested)}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _check_format(self) -> Self:
        """Refuse keys that mean nothing for the format."""
        for formats, keys in _KEYS_OF.items():
            changed = [key for key in keys if getattr(self, key) != type(self).model_fields[key].default]
            if changed and self.format not in formats:
                names = " and ".join(name.upper() for name in formats)
                text = f"is a key of {names}, and the format is {self.format}; accepted: leave it out"
                raise _error(changed[0], text)
        if self.format == "xml" and self.row_tag is None:
            raise _error("row_tag", "is missing; accepted: the name of the XML element that is a row")
        return self

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        """Refuse one character in two places."""
        if self.escape is not None and self.escape == self.quote:
            raise _error("escape", "is the quote; doubled quotes are read anyway; accepted: leave it out")
        known: dict[str, str] = {} if self.separator or self.format != "csv" else {",": "separator"}
        for key in _MARKS:
            mark = getattr(self, key)
            if mark is not None and known.setdefault(mark, key) != key:
                raise _error(key, f"found {mark!r}, which is the {known[mark]}; accepted: another character")
        if self.grouping == self.decimal:
            raise _error("grouping", f"found {self.grouping!r}, which is the decimal mark; accepted: another")
        return self

    def describe(self) -> dict[str, Any]:
        """Say in a manifest how the files are read."""
        return {
            "format": self.format,
            "schema": self.schema_,
            "columns": self.columns,
            "charset": self.charset,
            "nulls": list(self.nulls),
            "date_format": self.date_format,
            "timestamp_format": self.timestamp_format,
            "time_zone": self.time_zone,
            "decimal": self.decimal,
            "grouping": self.grouping,
            "leading_zeros": self.leading_zeros,
            "csv": {key: getattr(self, key) for key in _CSV_KEYS},
            "row_tag": self.row_tag,
        }


def _error(key: str, text: str) -> PydanticCustomError:
    """Put an error that concerns several keys at one of them."""
    return PydanticCustomError("input", "{text}", {"text": text, "path": ("input", key)})

"""What became of ``input.options``: for each option of Spark's readers, the key that stands in its place.

Source: https://spark.apache.org/docs/4.0.2/sql-data-sources-csv.html (and -json, -xml, -avro, -parquet)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparkdrop.core.document import Path
    from sparkdrop.core.variables import Finding

_OWN_PROGRAM = "a program of one's own gets its reader's settings through job.arguments"

_LEAVE_OUT = "leave it out: "
_ADVICE_FOR = {
    "write input.separator": "sep delimiter",
    "write input.charset": "encoding charset",
    "write input.quote": "quote",
    "write input.escape": "escape",
    "write input.comment": "comment",
    "write input.header": "header",
    "write input.date_format": "dateFormat",
    "write input.timestamp_format": "timestampFormat timestampNTZFormat",
    "write input.time_zone": "timeZone",
    "write input.row_tag": "rowTag",
    "write input.nulls, a list of texts": "nullValue",
    f'{_LEAVE_OUT}an empty field is missing, and "" in quotes is an empty text': "emptyValue",
    'write input.decimal: "," where numbers have a decimal comma': "locale",
    "write input.leading_zeros": "allowNumericLeadingZeros",
    "write input.columns: evolve": "mergeSchema",
    f"{_LEAVE_OUT}columns are matched by name, as input.columns says": "enforceSchema",
    f"{_LEAVE_OUT}types are inferred where input.schema is not there": (
        "inferSchema primitivesAsString prefersDecimal preferDate samplingRatio"
    ),
    f"{_LEAVE_OUT}the files themselves tell": "multiLine",
    f"{_LEAVE_OUT}every end of a line is read": "lineSep",
    f"{_LEAVE_OUT}input.escape is enough": "charToEscapeQuoteEscaping",
    f"{_LEAVE_OUT}the files' names tell": "compression codec",
    f"{_LEAVE_OUT}blanks around a value are trimmed, but for STRING": (
        "ignoreLeadingWhiteSpace ignoreTrailingWhiteSpace ignoreSurroundingSpaces"
    ),
    f"{_LEAVE_OUT}NaN, Infinity and -Infinity are read": (
        "nanValue positiveInf negativeInf allowNonNumericNumbers"
    ),
    f"{_LEAVE_OUT}no row is passed over, and what does not fit is among the rejects": (
        "mode columnNameOfCorruptRecord ignoreCorruptFiles ignoreMissingFiles maxCharsPerColumn maxColumns "
        "unescapedQuoteHandling allowComments allowSingleQuotes allowUnquotedFieldNames "
        "allowBackslashEscapingAnyCharacter allowUnquotedControlChars dropFieldIfAllNull"
    ),
    f"{_LEAVE_OUT}the batch names its files": (
        "pathGlobFilter recursiveFileLookup modifiedBefore modifiedAfter"
    ),
}
_ADVICE = {name.lower(): advice for advice, names in _ADVICE_FOR.items() for name in names.split()}


def explain_options(options: object, path: Path, keys: list[str]) -> Iterator[Finding]:
    """Say of each option what to write instead.

    Args:
        options: What a file has under ``input.options``.
        path: The path of that.
        keys: The keys that ``input`` has.
    """
    gone = f"options are not passed to Spark any more; accepted here: {', '.join(keys)}"
    if not isinstance(options, dict) or not options:
        yield path, gone, _OWN_PROGRAM
        return
    for name in options:
        yield (
            (*path, name),
            "is no known key: options are not passed to Spark any more",
            _advise(str(name), keys),
        )


def _advise(name: str, keys: list[str]) -> str:
    if name.lower() in _ADVICE:
        return _ADVICE[name.lower()]
    near = difflib.get_close_matches(name.lower(), [*_ADVICE, *keys], n=1, cutoff=0.7)
    if near:
        return f"did you mean input.{near[0]}?" if near[0] in keys else _ADVICE[near[0]]
    return f"input has {', '.join(keys)}; {_OWN_PROGRAM}"

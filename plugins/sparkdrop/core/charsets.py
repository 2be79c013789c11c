"""The charsets that files may be declared to be written in: Python's codecs, by the names that people use.

An explicit list: what stands here is what ``ingest.py`` reads, on every machine.
Source: https://docs.python.org/3/library/codecs.html#standard-encodings
"""

from __future__ import annotations

_WIDE = {
    "utf-8": ("utf8", "utf-8-sig", "utf-8-bom", "unicode-1-1-utf-8"),
    "utf-16": ("utf16", "ucs-2"),
    "utf-16-le": ("utf-16le", "ucs-2le"),
    "utf-16-be": ("utf-16be", "ucs-2be"),
    "utf-32": ("utf32", "ucs-4"),
    "utf-32-le": ("utf-32le",),
    "utf-32-be": ("utf-32be",),
}
_ISO_ALIASES = {
    1: ("latin1", "latin-1", "l1"),
    2: ("latin2", "l2"),
    5: ("cyrillic",),
    7: ("greek",),
    9: ("latin5", "l5"),
    15: ("latin9", "l9"),
}
_ISO = {
    f"iso8859-{part}": (f"iso-8859-{part}", *_ISO_ALIASES.get(part, ()))
    for part in range(1, 17)
    if part != 12  # noqa: PLR2004 - there is no ISO 8859-12
}
_WINDOWS = {f"cp{page}": (f"windows-{page}", f"win-{page}") for page in range(1250, 1259)}
_OTHERS = {
    "ascii": ("us-ascii",),
    "cp437": ("ibm437",),
    "cp850": ("ibm850",),
    "cp852": ("ibm852",),
    "cp858": ("ibm858",),
    "cp866": ("ibm866",),
    "mac-roman": ("macintosh", "x-mac-roman"),
    "koi8-r": (),
    "koi8-u": (),
    "shift_jis": ("shift-jis", "sjis"),
    "cp932": ("windows-31j", "ms932"),
    "euc_jp": ("euc-jp",),
    "gb18030": (),
    "gbk": ("cp936", "windows-936"),
    "big5": (),
    "euc_kr": ("euc-kr",),
    "cp949": ("uhc", "ms949"),
}
CODECS = {**_WIDE, **_OTHERS, **_ISO, **_WINDOWS}
"""Python's name of each codec, and what else it is called."""


def _fold(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


_BY_NAME = {_fold(name): codec for codec, aliases in CODECS.items() for name in (codec, *aliases)}
_ACCEPTED = (
    "utf-8, utf-16, utf-16-le, utf-16-be, utf-32, utf-32-le, utf-32-be, us-ascii, iso-8859-1 to iso-8859-16, "
    "windows-1250 to windows-1258, cp437, cp850, cp852, cp858, cp866, mac-roman, koi8-r, koi8-u, shift_jis, "
    "cp932, euc-jp, gb18030, gbk, big5, euc-kr, cp949"
)


def find_codec(name: str) -> str:
    """Name the codec of a charset as Python does; case, ``_``, ``-`` and blanks do not matter.

    Raises:
        ValueError: It is none of the list.
    """
    codec = _BY_NAME.get(_fold(name))
    if codec is None:
        message = f"found {name!r}; accepted: {_ACCEPTED}"
        raise ValueError(message)
    return codec

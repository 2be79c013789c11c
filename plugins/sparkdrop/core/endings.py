"""What the names of files say: their format, and the compression that is around them."""

from __future__ import annotations

from typing import Literal

Format = Literal["csv", "json", "parquet", "avro", "orc", "xml"]

TEXT_FORMATS: tuple[Format, ...] = ("csv", "json", "xml")
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")
"""Around files of the text formats; the others are compressed inside, and have their plain ending only."""
NAMES: dict[Format, tuple[str, ...]] = {
    "csv": (".csv", ".tsv"),
    "json": (".json", ".jsonl", ".ndjson"),
    "parquet": (".parquet", ".parq"),
    "avro": (".avro",),
    "orc": (".orc",),
    "xml": (".xml",),
}
"""The endings of each format, as they are without a compression."""
_NOT_READ = (
    *(".snappy", ".sz", ".lz4", ".lzo", ".lz", ".lzma", ".deflate", ".zlib", ".br", ".z", ".zstd", ".gzip"),
    *(".bz", ".7z", ".rar", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst"),
)


def find_format(keys: object) -> Format | None:
    """Name the one format that all key patterns end in; None where they do not agree or say.

    What is around the files plays no part, so that :func:`check_compression` has its say.
    """
    if not isinstance(keys, (list, tuple)) or not keys or not all(isinstance(key, str) for key in keys):
        return None
    bare = [_strip_compressions(key.lower()) for key in keys]
    return next((kind for kind, names in NAMES.items() if all(key.endswith(names) for key in bare)), None)


def check_compression(key: str, kind: Format) -> None:
    """Check the end of a key pattern: that a compression it names is one that is read.

    Raises:
        ValueError: It is not.
    """
    lower = key.lower()
    compression = next((end for end in (*COMPRESSIONS, *_NOT_READ) if lower.endswith(end)), "")
    inner = lower.removesuffix(compression)
    if kind not in TEXT_FORMATS:
        if compression:
            message = (
                f"found {key!r}; {kind} files are compressed inside; accepted: names that end in "
                f"{' or '.join(NAMES[kind])}"
            )
            raise ValueError(message)
    elif compression in _NOT_READ or (compression and inner.endswith(_NOT_READ)):
        message = f"found {key!r}; accepted: {kind} files as they are, or as {', '.join(COMPRESSIONS)}"
        raise ValueError(message)


def _strip_compressions(key: str) -> str:
    ends = (*COMPRESSIONS, *_NOT_READ)
    while found := next((end for end in ends if key.endswith(end)), ""):
        key = key.removesuffix(found)
    return key

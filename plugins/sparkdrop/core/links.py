"""What a link is: the API's leave to upload one file, under a key that the API makes."""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from ulid import ULID

from sparkdrop.core.errors import LinkRefusedError
from sparkdrop.core.patterns import compile_pattern, first_segment, has_wildcard
from sparkdrop.core.routing import Router
from sparkdrop.core.values import MAX_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sparkdrop.core.catalog import CatalogPipeline

SINGLE_MAX_BYTES = 5 * 2**30
"""Of one PutObject; this and the next two: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
MULTIPART_MAX_BYTES = 5 * 2**40
MAX_PARTS = 10_000

MAX_FILENAME_LENGTH = 1024
_PART_BYTES = 8 * 2**20
_PART_STEP = 2**20
_SAFE_LENGTH = 120
_SLOWEST_BYTES_A_SECOND = 125_000
_EVENT_DELAY = timedelta(seconds=10)
_LANDS_WITHIN = timedelta(hours=1)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# one ending, or two as in .csv.gz
_ENDINGS = re.compile(r"(?:\.[A-Za-z0-9]{1,16}){1,2}$")
# control characters, halves of surrogate pairs, and what ends a line or a paragraph
_UNWELCOME = {"Cc", "Cs", "Zl", "Zp"}


class LinkKind(StrEnum):
    """How the bytes come: in one request, or in parts."""

    SINGLE = "single"
    MULTIPART = "multipart"


class LinkState(StrEnum):
    """What the API has done with a link; whether anything landed is not its to say."""

    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Link:
    """Leave to upload one file.

    Attributes:
        upload_id: a ULID, random but for its time; the key carries it, so it finds what landed.
        caller: who asked for it.
        pipeline: whose patterns the key matches.
        filename: the file's name as the caller knows it: data, no part of a path.
        bytes: the size that was declared.
        sha256: the content's hash in hex, where it was declared.
        content_type: the object's.
        bucket: where it will land.
        key: and under which key.
        kind: how the bytes come.
        multipart_id: S3's id of the multipart upload; None of a single request.
        part_bytes: the size of each part but the last; None of a single request.
        state: what the API has done with it.
        created_at: when it was made.
        expires_at: when it, or its multipart upload, is over.
        updated_at: when its state changed; None before.
    """

    upload_id: str
    caller: str
    pipeline: str
    filename: str
    bytes: int
    sha256: str | None
    content_type: str
    bucket: str
    key: str
    kind: LinkKind
    multipart_id: str | None
    part_bytes: int | None
    state: LinkState
    created_at: datetime
    expires_at: datetime
    updated_at: datetime | None = None


def is_over(link: Link, now: datetime) -> bool:
    """Whether nothing comes of a link any more that is not cancelled.

    S3 looks at the clock when a request begins: a file whose upload began in time may land later, by as long
    as a slow line takes for it; and its event takes a moment.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
    One that is completed lies in S3, or the request to S3 failed: it may be completed once more, and nobody
    has to wait for that for ever.
    """
    if link.state is LinkState.COMPLETED:
        return now > max(link.expires_at, link.updated_at or link.created_at) + _LANDS_WITHIN
    late = _EVENT_DELAY
    if link.kind is LinkKind.SINGLE:
        late += timedelta(seconds=link.bytes / _SLOWEST_BYTES_A_SECOND)
    return now > link.expires_at + late


def make_link_id(at: datetime) -> str:
    """Make the id of a link: a ULID of that moment (to the millisecond) that nobody can guess."""
    milliseconds = int(at.timestamp() * 1000)
    return str(ULID(milliseconds.to_bytes(6, "big") + secrets.token_bytes(10)))


def takes_links(pipeline: CatalogPipeline, uploads_bucket: str) -> bool:
    """Whether files come to a pipeline through the uploads bucket, and it hears of them."""
    return pipeline.arrival.mode == "events" and pipeline.arrival.bucket in {None, uploads_bucket}


def check_uploadable(pipeline: CatalogPipeline, uploads_bucket: str) -> None:
    """Check that files come to a pipeline through the uploads bucket, and that it hears of them.

    Raises:
        LinkRefusedError: they do not.
    """
    if not takes_links(pipeline, uploads_bucket):
        raise LinkRefusedError(
            "pipeline",
            f"{pipeline.name} takes no uploads through the API: it looks for its files elsewhere "
            f"(arrival.mode: {pipeline.arrival.mode})",
        )


def make_link_key(pipeline: CatalogPipeline, upload_id: str, filename: str) -> str:
    """Make the key of a link: it routes to the pipeline, and no other link has it.

    The id is a folder right after the pattern's first, which :mod:`sparkdrop.core.patterns` looks through.

    Raises:
        LinkRefusedError: the pipeline takes no file of that name.
    """
    _check_filename(filename)
    safe = make_safe_name(filename)
    folders = list(_match_folders(pipeline, filename))
    if not folders:
        raise LinkRefusedError("filename", _explain_mismatch(pipeline, filename))
    router = Router([pipeline], "")
    bucket = pipeline.arrival.bucket or ""
    for head, rest in folders:
        key = f"{head}/{upload_id}/{rest}{safe}"
        if router.route(bucket, key) == pipeline.name and len(key.encode()) <= MAX_KEY_BYTES:
            return key
    raise LinkRefusedError(
        "filename",
        f"{filename!r} would be stored as {safe!r}, which {pipeline.name} does not take; accepted: "
        f"{', '.join(pipeline.arrival.keys)}; rename the file, with letters, digits and - _ . only",
    )


def make_safe_name(filename: str) -> str:
    """Make the part of a key that a person recognizes a file by: at most 120 ASCII characters."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", filename)
        if not unicodedata.combining(character)
    )
    safe = _UNSAFE.sub("_", plain)
    if not safe.strip("."):
        safe = safe.replace(".", "_") or "_"  # "." and ".." are no names where folders are
    found = _ENDINGS.search(safe)
    ending = found[0] if found else ""
    return safe[: _SAFE_LENGTH - len(ending)] + ending if len(safe) > _SAFE_LENGTH else safe


def choose_part_bytes(size: int) -> int:
    """Choose the size of a file's parts: 8 MiB, or whole MiB so that there are at most 10,000."""
    smallest = -(-size // MAX_PARTS)
    return max(_PART_BYTES, -(-smallest // _PART_STEP) * _PART_STEP)


def count_parts(size: int, part_bytes: int) -> int:
    """Count a file's parts; the last one may be smaller than the others."""
    return -(-size // part_bytes)


def _check_filename(filename: str) -> None:
    if not 1 <= len(filename) <= MAX_FILENAME_LENGTH:
        raise LinkRefusedError("filename", f"a file's name has 1 to {MAX_FILENAME_LENGTH:,} characters")
    if "/" in filename or "\\" in filename:
        raise LinkRefusedError("filename", "give the file's name alone, without folders: no / and no \\")
    if any(unicodedata.category(character) in _UNWELCOME for character in filename):
        raise LinkRefusedError("filename", "a file's name holds no control characters and no line breaks")


def _match_folders(pipeline: CatalogPipeline, filename: str) -> Iterator[tuple[str, str]]:
    """Find the patterns that take a file of that name: the first folder, and the literal ones after it."""
    for pattern in pipeline.arrival.keys:
        head = first_segment(pattern)
        if head is None:
            continue
        rest = _literal_folder(pattern.partition("/")[2])
        if compile_pattern(pattern).fullmatch(f"{head}/{rest}{filename}"):
            yield head, rest


def _literal_folder(pattern: str) -> str:
    """The folders that a pattern begins with, up to the first that a wildcard stands in."""
    folders = pattern.split("/")[:-1]
    literal = []
    for folder in folders:
        if has_wildcard(folder):
            break
        literal.append(f"{folder}/")
    return "".join(literal)


def _explain_mismatch(pipeline: CatalogPipeline, filename: str) -> str:
    patterns = pipeline.arrival.keys
    if all(first_segment(pattern) is None for pattern in patterns):
        return (
            f"{pipeline.name} takes no uploads through the API: its patterns begin with no literal folder "
            f"({', '.join(patterns)})"
        )
    return f"{pipeline.name} takes no file called {filename!r}; accepted: {', '.join(patterns)}"

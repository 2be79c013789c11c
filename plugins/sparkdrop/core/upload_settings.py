"""What the API takes for a pipeline, and from whom."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from sparkdrop.core.compute import Model
from sparkdrop.core.links import MULTIPART_MAX_BYTES
from sparkdrop.core.quantities import Size, format_size

_MAX_GROUP_LENGTH = 128


def _check_max_bytes(value: int) -> int:
    if not 0 < value <= MULTIPART_MAX_BYTES:
        raise ValueError(
            f"found {format_size(value)}; accepted: more than 0 B and at most "
            f"{format_size(MULTIPART_MAX_BYTES)}, the largest object that S3 takes"
        )
    return value


def _check_group(value: str) -> str:
    name = value.removeprefix("role/").removeprefix("user/")
    # API Gateway tells the groups of a token as one text, with commas between them
    if not 1 <= len(name) <= _MAX_GROUP_LENGTH or any(one.isspace() or one in ",[]" for one in name):
        raise ValueError(
            f"found {value!r}; accepted: a group of the user pool, or role/NAME or user/NAME of IAM, each of "
            f"1 to {_MAX_GROUP_LENGTH} characters and without blanks, commas and brackets"
        )
    return value


Group = Annotated[str, AfterValidator(_check_group)]


class UploadSettings(Model):
    """What the API takes; drops into the bucket are not concerned."""

    max_bytes: Annotated[Size, AfterValidator(_check_max_bytes)] = MULTIPART_MAX_BYTES
    """The most bytes of one file; 5 TiB is the most that S3 takes."""
    groups: tuple[Group, ...] = ()
    """Who may upload and invoke: groups of the user pool, `role/NAME`, `user/NAME`. None: every caller."""
    viewers: tuple[Group, ...] = ()
    """Who sees every upload of this pipeline; its own a caller sees anyway."""

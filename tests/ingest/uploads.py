"""What a store shows, and what waits in it."""

from pathlib import Path
from typing import Any


def open_uploads(store: Any, root: str) -> list[str]:
    """What waits below the root, by its key or its file's name."""
    if root.startswith("file://"):
        return [str(path) for path in Path(root.removeprefix("file://")).rglob(".*-pending")]
    bucket = root.removeprefix("s3://").split("/")[0]
    return [item["Key"] for item in store.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


def seen(store: Any, root: str) -> list[str]:
    return [item.uri.removeprefix(f"{root}/") for item in store.list(f"{root}/")]

"""The page's files: built, and brought to their bucket."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.tools.cdk_cli import REPOSITORY
from infra.tools.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.tools.account import Account

BUILT = REPOSITORY / "web" / "dist"
INDEX = "index.html"
CONFIG = "config.json"
# Vite puts a hash of the content into the names of these: https://vite.dev/guide/build
HASHED = "assets/"
FOR_EVER, ASK_EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
# Written down, since `mimetypes` answers by what a machine has installed
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
NEEDED = ("PageBucket", "PageUrl", "ApiUrl", "UserPoolId", "UserPoolClientId", "SignInUrl")
"""The outputs without which there is no page, or nothing that it could talk to."""


def build_page(folder: Path = BUILT) -> None:
    """Build the page anew: what lies there may be of an older commit, and a build takes a second.

    Raises:
        ToolError: It cannot be built: `make web` has said why.
    """
    if subprocess.run(["make", "web"], cwd=REPOSITORY, stdout=sys.stderr, check=False).returncode:
        raise ToolError("the page cannot be built: see above")
    if not (folder / INDEX).is_file():
        raise ToolError(f"`make web` left no {INDEX} in {folder}")


def build_config(outputs: Mapping[str, str], region: str) -> dict[str, Any]:
    """Build what the page asks for first: where everything is.

    Args:
        outputs: The stacks' outputs; all that `NEEDED` names are there.
        region: Where the stacks are.
    """
    return {
        "api_url": outputs["ApiUrl"].rstrip("/"),
        "auth": {
            "authority": f"https://cognito-idp.{region}.amazonaws.com/{outputs['UserPoolId']}",
            "client_id": outputs["UserPoolClientId"],
            "sign_in_url": outputs["SignInUrl"],
            "region": region,
        },
    }


def deliver_page(account: Account, outputs: Mapping[str, str], *, folder: Path = BUILT) -> str | None:
    """Upload the page, its way in last: whoever loads it then finds all that it names.

    What an older page named stays, for those who have that one open.

    Args:
        account: Where to.
        outputs: The stacks' outputs.
        folder: The built page.

    Returns:
        Where the page is; None where the stage has none, or lacks a stack that it talks to.

    Raises:
        ToolError: It cannot be built, or holds a file of a type that is not known.
    """
    if any(name not in outputs for name in NEEDED):
        return None
    build_page(folder)
    files = dict(sorted(_find_files(folder), key=lambda file: not file[0].startswith(HASHED)))
    way_in = files.pop(INDEX)
    config = json.dumps(build_config(outputs, account.region), indent=2) + "\n"
    bodies = {
        **{key: path.read_bytes() for key, path in files.items()},
        CONFIG: config.encode(),
        INDEX: way_in.read_bytes(),
    }
    types = {key: _choose_type(key) for key in bodies}
    client = account.make_client("s3")
    for key, body in bodies.items():
        client.put_object(
            Bucket=outputs["PageBucket"],
            Key=key,
            Body=body,
            ContentType=types[key],
            CacheControl=FOR_EVER if key.startswith(HASHED) else ASK_EACH_TIME,
        )
    return outputs["PageUrl"]


def _find_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _choose_type(key: str) -> str:
    suffix = Path(key).suffix
    if suffix not in TYPES:
        raise ToolError(f"web/dist/{key}: no type is known for {suffix or 'a file without an ending'}")
    return TYPES[suffix]

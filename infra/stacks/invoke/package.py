"""The one package of the API's functions."""

from __future__ import annotations

from pathlib import Path

from infra.packaging.lambda_package import build_package

HANDLER = "handler.handler.handle"
_FOLDER = Path(__file__).parent


def build_api_package() -> Path:
    """Build it, or find the one that was built of the same files before.

    Each function answers its calls alone, by what API Gateway sends it and by what its role may do.
    """
    return build_package(_FOLDER / "handler", _FOLDER / "requirements.txt")

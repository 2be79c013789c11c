"""What the API is made from."""

from __future__ import annotations

import pytest

from sparkdrop_local.aws.templates import StackTemplate, load_templates


@pytest.fixture(scope="session")
def templates() -> list[StackTemplate]:
    return load_templates()

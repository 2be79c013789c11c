"""A settings file that cannot be used is one line a problem, before any template is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings.model import SETTINGS_DIR, StageSettings, load_settings
from sparkdrop.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = "owner: me\ncost_centre: none\n"


@pytest.mark.parametrize("stage", [file.stem for file in SETTINGS_DIR.glob("*.yaml")])
def test_every_shipped_stage_loads(stage: str) -> None:
    assert load_settings(stage).stage == stage


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        (NEEDED + "uploads: {cors_origins: ['*']}\n", "uploads.cors_origins.0", "found '*'"),
        (NEEDED + "uploads: {noncurrent_version_days: soon}\n", "uploads.noncurrent_version_days", "'soon'"),
        (NEEDED + "logs: {retention_days: 0}\n", "logs.retention_days", "greater than or equal to 1"),
        (NEEDED + "ownr: you\n", "ownr", "unknown key"),
        (NEEDED + "region: mars\n", "region", "found 'mars'"),
        ("cost_centre: none\n", "owner", "Field required"),
    ],
)
def test_a_wrong_value_names_file_key_and_what_was_found(
    tmp_path: Path, text: str, path: str, said: str
) -> None:
    (tmp_path / "test.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.path) == (str(tmp_path / "test.yaml"), path)
    assert said in problem.message


def test_all_problems_of_a_file_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_text("region: mars\ncolour: red\n")
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    assert {problem.path for problem in caught.value.problems} == {"owner", "cost_centre", "region", "colour"}


@pytest.mark.parametrize(("text", "line"), [("owner: [\n", 2), ("- a list\n", None), ("", None)])
def test_what_is_no_mapping_is_an_error_of_the_file(tmp_path: Path, text: str, line: int | None) -> None:
    (tmp_path / "test.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings("test", tmp_path)
    assert caught.value.problems[0].line == line


def test_an_unknown_stage_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text(NEEDED)
    with pytest.raises(ConfigError, match="stages: dev"):
        load_settings("prod", tmp_path)


def test_production_never_destroys(tmp_path: Path) -> None:
    (tmp_path / "prod.yaml").write_text(NEEDED + "destroy_data: true\n")
    with pytest.raises(ConfigError, match="production keeps its data"):
        load_settings("prod", tmp_path)


@given(days=st.integers(), host=st.from_regex(r"[a-z]{1,9}(\.[a-z]{2,5})?(:[0-9]{2,4})?", fullmatch=True))
def test_days_and_origins_are_taken_as_given_or_refused(days: int, host: str) -> None:
    values = {"stage": "t", "owner": "o", "cost_centre": "c"}
    uploads = {"cors_origins": [f"https://{host}"], "noncurrent_version_days": days}
    try:
        settings = StageSettings.model_validate({**values, "uploads": uploads})
    except ValueError:
        assert not 1 <= days <= 36_500
    else:
        assert settings.uploads.noncurrent_version_days == days
        assert settings.uploads.cors_origins == (f"https://{host}",)

"""The compute that a pipeline gets when its file says nothing: what EMR's stacks take over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import infra
from sparkdrop.configs import load_files
from sparkdrop.core.config import no_lookup

if TYPE_CHECKING:
    from sparkdrop.core.pipeline import Pipeline

_DEFAULTS = Path(infra.__file__).parents[1] / "include" / "emr_configs" / "_defaults.yaml"
_NAME = "development"


def load_default_pipeline(**compute: object) -> Pipeline:
    """Load a pipeline of the shipped defaults and of nothing else; the environment is not asked.

    Args:
        compute: Keys of the block ``compute`` on top of the defaults.

    Raises:
        ConfigError: The defaults, or what lies on top of them, cannot be used.
    """
    draft: dict[str, Any] = {"arrival": {"keys": [f"{_NAME}/*.csv"]}, "compute": compute}
    file = f"{_NAME}.yaml"
    # JSON is YAML
    loaded = load_files([_DEFAULTS], drafts={file: json.dumps(draft)}, lookup=no_lookup)
    for error in loaded.errors.values():
        raise error
    return loaded.pipelines[_NAME]

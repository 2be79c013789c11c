"""The functions' own code, in this process: their package, their environment, one request at a time.

Lambda gives each instance one request at a time, and one instance is what runs here. What it would do to a
function that is slow or too large, it does not do here.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.errors import EmulationError
from sparkdrop_local.aws.names import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sparkdrop_local.api.rest_api import Function

log = logging.getLogger(__name__)
# where the package that a deployment packs lies, from the repository's root: in a function its folder's name
# is the package's
PACKAGE = "infra/stacks/invoke/handler"


class FunctionError(Exception):
    """The function raised an error, which Lambda tells API Gateway and nobody else."""


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands a function beside its event.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    aws_request_id: str
    timeout_seconds: int
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    _began: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, as it would be."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """How long until Lambda would stop the function."""
        return max(0, int((self.timeout_seconds - time.monotonic() + self._began) * 1000))


class Functions:
    """Runs functions.

    Args:
        load: Finds the code of a function by its handler.
    """

    def __init__(self, load: Callable[[str], Any]) -> None:
        self._load = load
        self._turn = threading.Lock()

    def invoke(self, function: Function, event: dict[str, Any], request_id: str) -> Any:  # noqa: ANN401 - JSON
        """Run a function and give back what it answers.

        Raises:
            FunctionError: It raised an error; the log has it.
        """
        context = Context(function.name, request_id, function.timeout_seconds)
        with self._turn:
            try:
                return self._load(function.handler)(event, context)
            except Exception as error:
                # whatever a function raises is its failure, not this process's
                log.exception("%s failed, request %s", function.name, request_id)
                raise FunctionError(function.name) from error


def merge_environments(functions: Iterable[Function]) -> dict[str, str]:
    """Put the environments of all functions together.

    Raises:
        EmulationError: Two do not agree, so that one process cannot be both.
    """
    merged: dict[str, str] = {}
    for function in functions:
        for name, value in function.environment.items():
            if merged.setdefault(name, value) != value:
                raise EmulationError(f"{function.name}: {name} is another one than of the functions before")
    return merged


def import_package(folder: Path) -> None:
    """Make a folder importable by its own name, as it is where a package for Lambda is unpacked.

    Raises:
        EmulationError: There is no such folder.
    """
    initial = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        folder.name, initial, submodule_search_locations=[str(folder)]
    )
    if not initial.is_file() or spec is None or spec.loader is None:
        raise EmulationError(f"{folder}, the functions' package, is not there: start from a checkout")
    module = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = module
    spec.loader.exec_module(module)


def load_handler(name: str) -> Any:  # noqa: ANN401 - what Lambda calls
    """Find ``package.module.name``."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)

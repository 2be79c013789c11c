"""The log: one for all modules of the package, so that what one appends stands in the others' lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from .callers import read_caller

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent

    from sparkdrop.core.access import Caller

SERVICE = "sparkdrop-api"
logger = Logger(service=SERVICE)


def identify(event: BaseProxyEvent) -> Caller:
    """Find out who calls, and name it in every line from here on.

    Raises:
        CallerUnknownError: Nobody knows.
    """
    caller = read_caller(event.raw_event.get("requestContext") or {})
    logger.append_keys(caller=caller.name)
    return caller

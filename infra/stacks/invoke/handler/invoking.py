"""What an invocation takes: a look into the catalog, a record in the ledger, a word to the arrival stream."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from sparkdrop.aws.catalog import CatalogReader
from sparkdrop.aws.invocations import Invocations
from sparkdrop.aws.table import Table
from sparkdrop.core.events import build_wake_up
from sparkdrop.core.invocation import Invocation

from .problems import MalformedError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from sparkdrop.aws.invocations import InvocationRecord

    from .places import Places

# a call that hangs shall fail while the function still has time to say so, and to try once more
_CLIENT = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})


class Invoker:
    """Records invocations and wakes their pipelines.

    Args:
        places: The deployment's names.
        logger: Hears what the caller need not know.
    """

    def __init__(self, places: Places, logger: Logger) -> None:
        self._places = places
        self._logger = logger
        self._catalog = CatalogReader(boto3.client("s3", config=_CLIENT), places.artifacts_bucket)
        table = Table(places.ledger_table, boto3.client("dynamodb", config=_CLIENT))
        self._invocations = Invocations(table, lambda: datetime.now(UTC))
        self._queue = boto3.client("sqs", config=_CLIENT)

    def invoke(self, request: Invocation, caller: str) -> tuple[InvocationRecord, bool]:
        """Record an invocation and wake its pipeline; say what stands, and whether it is new.

        Raises:
            StorageError: No catalog is published.
            UnknownPipelineError: There is no such pipeline.
            InvocationRefusedError: The pipeline may not do this.
            InvocationConflictError: The key was used for another request.
        """
        self._catalog.read().check(request, self._places.uploads_bucket)
        record, is_new = self._invocations.record(request, caller)
        if record.turn is not None:
            # also when it is asked for again: perhaps because the first call died between the two
            self._wake(request.pipeline)
        return record, is_new

    def _wake(self, pipeline: str) -> None:
        try:
            self._queue.send_message(
                QueueUrl=self._places.arrivals_queue_url, MessageBody=build_wake_up(pipeline)
            )
        except Exception:
            # it is recorded, and the sweep wakes what nobody else does: the caller has nothing to mend
            self._logger.exception("the wake-up could not be sent; the next sweep wakes the pipeline")


def parse_request(body: str | None) -> Invocation:
    """Read a request's body.

    Raises:
        MalformedError: It is no JSON object.
        pydantic.ValidationError: Its fields are not what they have to be.
    """
    try:
        fields = json.loads(body or "")
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"the body is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise MalformedError("the body is JSON, but no object")
    return Invocation.model_validate(fields)

"""What an invocation takes: a look into the catalog, a record in the ledger, a word to the arrival stream."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sparkdrop.aws.catalog import CatalogReader
from sparkdrop.core.access import check_upload
from sparkdrop.core.events import build_wake_up

from .clients import make_client

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from sparkdrop.aws.invocations import InvocationRecord
    from sparkdrop.core.access import Caller
    from sparkdrop.core.invocation import Invocation

    from .places import InvokePlaces


class Invoker:
    """Records invocations and wakes their pipelines.

    Args:
        places: The deployment's names.
        logger: Hears what the caller need not know.
    """

    def __init__(self, places: InvokePlaces, logger: Logger) -> None:
        # with it comes boto3, which the other function's other calls do without
        from sparkdrop.aws.invocations import Invocations
        from sparkdrop.aws.table import Table

        self._places = places
        self._logger = logger
        self._catalog = CatalogReader(make_client("s3"), places.artifacts_bucket)
        table = Table(places.ledger_table, make_client("dynamodb"))
        self._invocations = Invocations(table, lambda: datetime.now(UTC))
        self._queue = make_client("sqs")

    def invoke(self, request: Invocation, caller: Caller) -> tuple[InvocationRecord, bool]:
        """Record an invocation and wake its pipeline; say what stands, and whether it is new.

        Raises:
            StorageError: No catalog is published.
            UnknownPipelineError: There is no such pipeline for this caller.
            ForbiddenError: The caller may look at it only.
            InvocationRefusedError: The pipeline may not do this.
            InvocationConflictError: The key was used for another request.
        """
        catalog = self._catalog.read()
        check_upload(catalog.find_for(caller, request.pipeline), caller)
        catalog.check(request, self._places.uploads_bucket, caller)
        record, is_new = self._invocations.record(request, caller.name)
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

"""Waits for a step in the triggerer, ends it when its time is over, and ends the waiting task from there."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from airflow.providers.amazon.aws.triggers.emr import EmrAddStepsTrigger
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from sparkdrop.aws.overtime import GIVE_UP_AFTER, enforce_timeout
from sparkdrop.orchestration.services import get_services

log = structlog.get_logger(__name__)

_LOOK_AGAIN_SECONDS = 30.0


class StepTrigger(EmrAddStepsTrigger):
    """The provider's trigger, with three things more.

    It ends the task of a step that went well itself, which saves the seconds that a worker takes to come back
    only to say so; it cancels a step whose time is over; and it cancels the step when someone marks the task
    as failed (https://github.com/apache/airflow/issues/36090).

    Args:
        batch_id: the batch, whose head tells until when the step may run.
        timeout_seconds: the pipeline's `job.timeout`.
        owns_job_flow: the cluster is the batch's own, and goes where the step does not.
        arguments: the provider's.
    """

    def __init__(
        self, *, batch_id: str, timeout_seconds: float, owns_job_flow: bool, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self.serialized_fields |= {
            "batch_id": batch_id,
            "timeout_seconds": timeout_seconds,
            "owns_job_flow": owns_job_flow,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield how the step ended, or that it does not end.

        A failure goes back to the worker: Airflow would try a task again that a trigger has failed, and the
        step that it would find has failed for good.
        """
        waiting = asyncio.create_task(self._wait())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({waiting, watching}, return_when=asyncio.FIRST_COMPLETED)
            event = await waiting if waiting.done() else await watching
        finally:
            for task in (waiting, watching):
                task.cancel()
            await asyncio.gather(waiting, watching, return_exceptions=True)
        yield TaskSuccessEvent() if event.payload["status"] == "success" else event

    async def _wait(self) -> TriggerEvent:
        async for event in super().run():
            return event
        raise RuntimeError("the provider's trigger ended without an event")

    async def _watch(self) -> TriggerEvent:
        """Cancel the step when its time is over; the answer comes where even that does not end it."""
        while True:
            try:
                pause, is_hopeless = await asyncio.to_thread(self._enforce)
            except Exception as error:  # noqa: BLE001 - an outage shall not end the wait
                log.warning("the step's time cannot be looked at", error=str(error))
                pause, is_hopeless = _LOOK_AGAIN_SECONDS, False
            if is_hopeless:
                return TriggerEvent({"status": "error", "message": "the step was cancelled and does not end"})
            await asyncio.sleep(pause)

    def _enforce(self) -> tuple[float, bool]:
        """Look once; the answer is the seconds to the next look, and whether there is no hope."""
        services = get_services()
        head = services.ledger.read_batch(self.serialized_fields["batch_id"])
        if head is None:
            return _LOOK_AGAIN_SECONDS, False
        now = services.ledger.now()
        if head.cancelled_at and head.cancelled_at + GIVE_UP_AFTER <= now:
            return 0, True
        if head.deadline and head.deadline > now:
            return _until(head.deadline, now), False
        again_at = enforce_timeout(
            services.ledger,
            services.emr,
            head,
            timedelta(seconds=self.serialized_fields["timeout_seconds"]),
            owns_job_flow=self.serialized_fields["owns_job_flow"],
        )
        return (_until(again_at, now) if again_at else _LOOK_AGAIN_SECONDS), False

    async def on_kill(self) -> None:
        """Cancel the step, and stop it if it is running.

        Airflow calls this too where another triggerer has taken the trigger over: the task is deferred then.
        """
        if await asyncio.to_thread(self._is_waited_for):
            return
        async with await self.hook().get_async_conn() as client:
            await client.cancel_steps(
                ClusterId=self.serialized_fields["job_flow_id"],
                StepIds=self.serialized_fields["step_ids"],
                StepCancellationOption="TERMINATE_PROCESS",
            )

    def _is_waited_for(self) -> bool:
        task = self.task_instance
        if task is None:
            return False
        states = RuntimeTaskInstance.get_task_states(
            dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id]
        )
        return bool(states.get(task.run_id, {}).get(task.task_id) == "deferred")


def _until(moment: datetime, now: datetime) -> float:
    return max((moment - now).total_seconds(), 1.0)

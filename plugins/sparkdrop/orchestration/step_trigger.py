"""Waits for a step in the triggerer, and ends the waiting task from there."""

from collections.abc import AsyncIterator

from airflow.providers.amazon.aws.triggers.emr import EmrAddStepsTrigger
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent


class StepTrigger(EmrAddStepsTrigger):
    """The provider's trigger, with two things more.

    It ends the task of a step that went well itself, which saves the seconds that a worker takes to come back
    only to say so; and it cancels the step when someone marks the task as failed
    (https://github.com/apache/airflow/issues/36090).
    """

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield how the step ended.

        A failure goes back to the worker: Airflow would try a task again that a trigger has failed, and the
        step that it would find has failed for good.
        """
        async for event in super().run():
            yield TaskSuccessEvent() if event.payload["status"] == "success" else event

    async def on_kill(self) -> None:
        """Cancel the step, and stop it if it is running."""
        async with await self.hook().get_async_conn() as client:
            await client.cancel_steps(
                ClusterId=self.serialized_fields["job_flow_id"],
                StepIds=self.serialized_fields["step_ids"],
                StepCancellationOption="TERMINATE_PROCESS",
            )

"""The task that makes a run fail where any of its tasks has: a clean-up at the end would hide it."""

from airflow.sdk import TriggerRule, task


@task(task_id="watcher", trigger_rule=TriggerRule.ONE_FAILED, retries=0)
def watcher() -> None:
    """Fail: it runs only where another task has failed."""
    raise RuntimeError("a task before this one has failed")

"""The assets by which pipelines are woken, and by which they tell that data is there."""

from airflow.sdk import Asset, AssetAlias, AssetWatcher

from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.arrival_trigger import ArrivalTrigger

WAKE_ALIAS = AssetAlias(name="sparkdrop_wake")
"""The outlet of tasks that wake a pipeline only when they find something for it."""


def build_inbox_asset(name: str, *, is_watched: bool = False) -> Asset:
    """The asset of a pipeline's inbox: its events mean "look", they say nothing of what is there.

    Args:
        name: the pipeline.
        is_watched: whether the arrivals queue wakes it.
    """
    watchers = [AssetWatcher(name=f"{name}_arrivals", trigger=ArrivalTrigger(name))] if is_watched else []
    return Asset(name=f"{name}_inbox", uri=f"sparkdrop://inbox/{name}", watchers=watchers)


def build_output_asset(pipeline: Pipeline, curated_bucket: str) -> Asset:
    """The asset of a pipeline's result: other DAGs may follow it."""
    return Asset(name=f"{pipeline.name}_output", uri=f"s3://{curated_bucket}/{pipeline.output.prefix}")

"""The assets by which pipelines are woken, and by which they tell that data is there."""

from airflow.sdk import Asset, AssetAlias, AssetWatcher

from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.arrival_trigger import ArrivalTrigger

WAKE_ALIAS = AssetAlias(name="sparkdrop_wake")
"""The outlet of tasks that wake a pipeline only when they find something for it."""


SLOW_BATCHES = Asset(name="sparkdrop_slow_batches", uri="sparkdrop://slow-batches")
"""Its events tell of batches that take far longer than their pipeline's usual: a DAG that alerts follows."""

SLOW_ALIAS = AssetAlias(name="sparkdrop_slow")
"""The outlet of the sweep that tells so only when there is such a batch."""


def build_inbox_asset(name: str) -> Asset:
    """The asset of a pipeline's inbox: its events mean "look", they say nothing of what is there."""
    return Asset(name=f"{name}_inbox", uri=f"sparkdrop://inbox/{name}")


def build_watched_inbox_asset(pipeline: Pipeline) -> Asset:
    """The asset of a pipeline's inbox, with what the arrivals queue wakes it for: invocations at least."""
    trigger = ArrivalTrigger(pipeline.name, invoked_only=pipeline.arrival.mode != "events")
    watchers = [AssetWatcher(name=f"{pipeline.name}_arrivals", trigger=trigger)]
    bare = build_inbox_asset(pipeline.name)
    return Asset(name=bare.name, uri=bare.uri, watchers=watchers)


def build_output_asset(pipeline: Pipeline, curated_bucket: str) -> Asset:
    """The asset of a pipeline's result: other DAGs may follow it."""
    return Asset(name=f"{pipeline.name}_output", uri=f"s3://{curated_bucket}/{pipeline.output.prefix}")

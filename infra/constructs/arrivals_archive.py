"""The arrivals of the last weeks, for a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

if TYPE_CHECKING:
    from infra.constructs.arrivals_queue import ArrivalsQueue


class ArrivalsArchive(Construct):
    """An EventBridge archive of what the arrivals' rule takes.

    A replay into the rule makes redeliveries, which the ledger knows: an upload that was processed is not
    processed again. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html

    Attributes:
        archive: The archive.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        arrivals: ArrivalsQueue,
        days: int,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        """Keep every event that matches the rule of ``arrivals`` for ``days``."""
        super().__init__(scope, construct_id)
        self.archive = events.Archive(
            self,
            "Archive",
            description="Every object created in the uploads bucket",
            source_event_bus=events.EventBus.from_event_bus_name(self, "DefaultBus", "default"),
            event_pattern=arrivals.pattern,
            retention=cdk.Duration.days(days),
        )
        self.archive.apply_removal_policy(removal_policy)

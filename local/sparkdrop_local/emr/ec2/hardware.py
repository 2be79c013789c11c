"""Instance groups, instance fleets and instances on their way: with their cluster, and when they are resized.

Everything here runs under the registry's lock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparkdrop_local.emr.clock import Clock
from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.nodes import SPOT, Collection, Instance
from sparkdrop_local.emr.ec2.provisioning import build_missing, pick_surplus
from sparkdrop_local.emr.ec2.records import Cluster
from sparkdrop_local.emr.ec2.words import CollectionState, InstanceState

Change = tuple[CollectionState | None, float]
_COMING = (InstanceState.PROVISIONING, InstanceState.BOOTSTRAPPING)


class Hardware:
    """Moves the collections of one EMR's clusters on.

    Args:
        clock: EMR's time.
        resizing: how long instances take to come or go, in seconds.
        on_collection: told of every collection whose record changed, with the state that it was in and since
            when; the state is None for a new one.
    """

    def __init__(
        self,
        clock: Clock,
        resizing: float,
        on_collection: Callable[[Cluster, Collection, Change], None],
    ) -> None:
        self._clock = clock
        self._resizing = resizing
        self._on_collection = on_collection

    def begin(self, cluster: Cluster) -> None:
        """Take in the collections of a new cluster."""
        for collection in cluster.collections.values():
            self._on_collection(cluster, collection, (None, collection.since))

    def bootstrap(self, cluster: Cluster) -> None:
        """Let the instances be bootstrapped with their cluster."""
        for collection in cluster.collections.values():
            for instance in collection.alive():
                instance.state = InstanceState.BOOTSTRAPPING
            self._enter(cluster, collection, CollectionState.BOOTSTRAPPING)

    def make_ready(self, cluster: Cluster) -> None:
        """Let the instances run, as their cluster does."""
        for collection in cluster.collections.values():
            self._complete(cluster, collection)

    def shut_down(self, cluster: Cluster) -> None:
        """Let everything go with its cluster."""
        for collection in cluster.collections.values():
            collection.due = None
            for instance in collection.alive():
                self._end(instance, words.CLUSTER_TERMINATED, words.INSTANCE_GONE)
            self._enter(cluster, collection, CollectionState.TERMINATING)

    def finish(self, cluster: Cluster) -> None:
        """Let everything be gone."""
        for collection in cluster.collections.values():
            collection.code, collection.message = words.CLUSTER_TERMINATED, words.JOB_FLOW_TERMINATED
            collection.timeline.ended = self._clock.now()
            self._enter(cluster, collection, CollectionState.TERMINATED)

    def add(self, cluster: Cluster, collections: Iterable[Collection]) -> None:
        """Add collections to a cluster: one that is up has to wait for them."""
        for collection in collections:
            cluster.collections[collection.id] = collection
            if cluster.timeline.ready is not None:
                collection.due = self._clock.now() + self._resizing
            self._on_collection(cluster, collection, (None, collection.since))

    def resize(
        self,
        cluster: Cluster,
        collection: Collection,
        targets: Mapping[str, int],
        leaving: Sequence[str] = (),
    ) -> None:
        """Have a collection get as many units as are asked for; nothing happens where it has them.

        Args:
            cluster: whose it is.
            collection: the one to resize.
            targets: its units by market.
            leaving: EC2 ids of the instances that have to go.

        Raises:
            EmrError: ValidationException for more instances than EMR provisions; nothing has changed then.
        """
        gone = [one.id for one in collection.staying() if one.ec2_id in leaving]
        wanted = replace(collection, targets=dict(targets), leaving=[*collection.leaving, *gone])
        missing = build_missing(wanted, now=self._clock.now())
        collection.targets, collection.leaving = wanted.targets, wanted.leaving
        protected = (collection.shrink_policy.get("InstanceResizePolicy") or {}).get(
            "InstancesToProtect"
        ) or ()
        surplus = [one.id for one in pick_surplus(collection, protected)]
        collection.leaving += surplus
        collection.instances |= {one.id: one for one in missing}
        if missing or gone or surplus:
            self._await_change(cluster, collection, CollectionState.RESIZING)

    def reconfigure(
        self, cluster: Cluster, collection: Collection, configurations: Sequence[Mapping[str, Any]]
    ) -> None:
        """Have a collection configured anew."""
        collection.configurations = [dict(one) for one in configurations]
        collection.version += 1
        self._await_change(cluster, collection, CollectionState.RECONFIGURING)

    def interrupt(self, cluster: Cluster) -> bool:
        """Take a cluster's Spot Instances away; new ones come, unless the primary node was one of them.

        Returns:
            Whether it was.
        """
        lost_master = cluster.master is not None and cluster.master.market == SPOT
        for collection in cluster.collections.values():
            lost = [one for one in collection.alive() if one.market == SPOT]
            for instance in lost:
                self._end(instance, words.INSTANCE_FAILURE, words.SPOT_INTERRUPTED)
            if lost and not lost_master:
                missing = build_missing(collection, now=self._clock.now())
                collection.instances |= {one.id: one for one in missing}
                self._await_change(cluster, collection, CollectionState.RESIZING)
        return lost_master

    def keep(self, cluster: Cluster, collection: Collection) -> None:
        """Keep what else was changed of a collection."""
        self._on_collection(cluster, collection, (collection.state, collection.since))

    def advance(self, cluster: Cluster) -> float | None:
        """Do what is due; give the time of what is due next."""
        now = self._clock.now()
        for collection in cluster.collections.values():
            if collection.due is not None and collection.due <= now:
                self._complete(cluster, collection)
        return min((one.due for one in cluster.collections.values() if one.due is not None), default=None)

    def _await_change(self, cluster: Cluster, collection: Collection, state: CollectionState) -> None:
        collection.due = self._clock.now() + self._resizing
        self._enter(cluster, collection, state)

    def _complete(self, cluster: Cluster, collection: Collection) -> None:
        now = self._clock.now()
        for instance in collection.alive():
            if instance.id in collection.leaving:
                self._end(instance, None, words.INSTANCE_GONE)
            elif instance.state in _COMING:
                instance.state = InstanceState.RUNNING
                instance.timeline.ready = now
        collection.due, collection.leaving = None, []
        collection.applied, collection.applied_version = collection.configurations, collection.version
        if collection.timeline.ready is None:
            collection.timeline.ready = now
        self._enter(cluster, collection, CollectionState.RUNNING)

    def _end(self, instance: Instance, code: str | None, message: str) -> None:
        instance.state, instance.code, instance.message = InstanceState.TERMINATED, code, message
        instance.timeline.ended = self._clock.now()

    def _enter(self, cluster: Cluster, collection: Collection, state: CollectionState) -> None:
        before = (collection.state, collection.since)
        if collection.state is not state:
            collection.state, collection.since = state, self._clock.now()
        self._on_collection(cluster, collection, before)

"""All clusters of one local EMR, and the lock over them."""

import logging
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.events import announce_cluster, announce_collection, announce_step
from sparkdrop_local.emr.ec2.hardware import Change, Hardware
from sparkdrop_local.emr.ec2.lifecycle import Lifecycle
from sparkdrop_local.emr.ec2.nodes import Collection
from sparkdrop_local.emr.ec2.provisioning import build_collections
from sparkdrop_local.emr.ec2.records import Cluster, Step, Timeline, make_id
from sparkdrop_local.emr.ec2.scaling import check_managed_scaling, check_scaling_policies
from sparkdrop_local.emr.ec2.words import MODIFY_TERMINATED, UNKNOWN_JOB_FLOW, USER_REQUEST, Ending
from sparkdrop_local.emr.errors import invalid_request, shutting_down, validation
from sparkdrop_local.emr.jobs.execution import JobRunner

_LOGGER = logging.getLogger(__name__)
_CLUSTER, _STEP, _COLLECTION = "cluster", "step", "collection"
# EMR keeps what it knows of an ended cluster for two months:
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-clusters.html
_KEPT_SECONDS = 60 * 86_400


class Registry:
    """The clusters, and what is done to them.

    Operations hold ``context.lock`` while they look at or change a cluster, and say what they changed by
    ``change``.
    """

    def __init__(self, context: EmrContext, runner: JobRunner) -> None:
        self.context = context
        self._runner = runner
        self._lifecycle = Lifecycle(
            clock=context.clock,
            runner=self._runner,
            delays=context.settings.delays,
            faults=context.faults,
            on_state=self._keep_state,
            on_change=self._keep,
            on_step=self._keep_step,
            on_collection=self._keep_collection,
        )
        self._clusters: dict[str, Cluster] = {}
        # of an earlier process, not taken up yet
        self._left: list[Cluster] = []
        self._closed = False
        with context.lock:
            self._load()

    @property
    def hardware(self) -> Hardware:
        """What moves instance groups and fleets; call ``change`` of their cluster afterwards."""
        return self._lifecycle.hardware

    def add_cluster(self, request: Mapping[str, Any], *, steps: Iterable[Step], **attributes: Any) -> Cluster:
        """Make a cluster and let it start.

        Args:
            request: the RunJobFlow.
            steps: its first steps.
            **attributes: the rest of ``Cluster``'s attributes.

        Raises:
            EmrError: this EMR is closed; or ValidationException, for instances and policies that EMR refuses.
        """
        if self._closed:
            raise shutting_down()
        identifier = make_id("j-")
        settings = self.context.settings
        now = self.context.clock.now()
        instances = request["Instances"]
        collections = build_collections(instances, now=now)
        check_scaling_policies(collections, request)
        managed_scaling = request.get("ManagedScalingPolicy")
        if managed_scaling:
            check_managed_scaling(managed_scaling, uses_fleets=bool(instances.get("InstanceFleets")))
        cluster = Cluster(
            request=request,
            id=identifier,
            arn=f"arn:aws:elasticmapreduce:{settings.region}:{settings.account_id}:cluster/{identifier}",
            timeline=Timeline(now),
            collections={collection.id: collection for collection in collections},
            managed_scaling=managed_scaling,
            unhealthy_node_replacement=instances.get("UnhealthyNodeReplacement"),
            **attributes,
        )
        self._clusters[identifier] = cluster
        self._lifecycle.begin(cluster)
        self._add(cluster, steps)
        self._runner.warm_up()
        self._lifecycle.settle(cluster)
        return cluster

    def list_clusters(self) -> list[Cluster]:
        """List all clusters, newest first."""
        return list(reversed(self._clusters.values()))

    def find_cluster(self, cluster_id: str) -> Cluster:
        """Find a cluster by its id, or raise InvalidRequestException."""
        cluster = self._clusters.get(cluster_id)
        if cluster is None:
            raise invalid_request(f"Cluster id '{cluster_id}' is not valid.", "NoSuchCluster")
        return cluster

    def find_job_flows(self, identifiers: list[str]) -> list[Cluster]:
        """Find clusters for the operations that call them job flows, or raise ValidationException."""
        if not identifiers or any(identifier not in self._clusters for identifier in identifiers):
            raise validation(UNKNOWN_JOB_FLOW)
        return [self._clusters[identifier] for identifier in identifiers]

    def find_live_job_flow(self, identifier: str) -> Cluster:
        """Find a cluster that still takes steps, or raise ValidationException."""
        (cluster,) = self.find_job_flows([identifier])
        if cluster.state.is_over or cluster.ending is not None:
            raise validation(MODIFY_TERMINATED)
        return cluster

    def find_live_cluster(self, cluster_id: str) -> Cluster:
        """Find a cluster that may still be changed, or raise an error as EMR's."""
        cluster = self.find_cluster(cluster_id)
        if cluster.state.is_over:
            raise validation(MODIFY_TERMINATED)
        return cluster

    def find_step(self, cluster: Cluster, step_id: str) -> Step:
        """Find a step of a cluster, or raise InvalidRequestException."""
        step = cluster.steps.get(step_id)
        if step is None:
            raise invalid_request(f"Step id '{step_id}' is not valid.")
        return step

    def add_steps(self, cluster: Cluster, steps: Iterable[Step]) -> None:
        """Put steps at the end of a cluster's queue."""
        self._add(cluster, steps)
        self._lifecycle.settle(cluster)

    def change(self, cluster: Cluster) -> None:
        """Keep what an operation changed of a cluster, and do what is due now."""
        self._keep(cluster)
        if not cluster.state.is_final:
            self._lifecycle.settle(cluster)

    def end_cluster(self, cluster: Cluster, ending: Ending = USER_REQUEST) -> None:
        """Have a cluster end; one that is ending already goes on doing so."""
        if not cluster.state.is_final:
            self._lifecycle.end(cluster, ending)

    def cancel_step(self, cluster: Cluster, step: Step, *, force: bool) -> None:
        """Cancel a step that waits, or stop one that runs: by SIGTERM, or SIGKILL when forced."""
        self._lifecycle.cancel(cluster, step, force=force)

    def resume(self) -> None:
        """Take up the clusters of an earlier process: their next steps start, so S3 has to be there."""
        with self.context.lock:
            left, self._left = self._left, []
            for cluster in left:
                _LOGGER.info("cluster %s of an earlier process goes on", cluster.id)
                self._lifecycle.settle(cluster)

    def close(self) -> None:
        """End every cluster, stop what runs, and wait until it has stopped; what was not taken up stays."""
        with self.context.lock:
            self._closed = True
            left = {cluster.id for cluster in self._left}
            clusters = [cluster for cluster in self._clusters.values() if cluster.id not in left]
            for cluster in clusters:
                self.end_cluster(cluster)
        self._runner.join(self.context.settings.stop_grace_seconds * 2 + 30)
        with self.context.lock:
            self._lifecycle.finish(clusters)

    def _load(self) -> None:
        """Read what an earlier process knew."""
        store = self.context.store
        self._clusters.update(store.read(_CLUSTER, Cluster.from_record))
        # what belongs to a cluster that could not be read cannot be read either
        steps = store.read(_STEP, lambda record: (self._owner_of(record), Step.from_record(record)))
        for _, (cluster, step) in steps:
            cluster.add_step(step)
        collections = store.read(
            _COLLECTION, lambda record: (self._owner_of(record), Collection.from_record(record))
        )
        for identifier, (cluster, collection) in collections:
            cluster.collections[identifier] = collection
        for cluster in self._clusters.values():
            if cluster.state.is_final:
                self._forget_later(cluster)
            else:
                self._left.append(cluster)
                self._lifecycle.adopt(cluster)

    def _owner_of(self, record: dict[str, Any]) -> Cluster:
        return self._clusters[record.pop("cluster")]

    def _forget_later(self, cluster: Cluster) -> None:
        ended = cluster.timeline.ended or cluster.timeline.created
        self.context.clock.call_at(ended + _KEPT_SECONDS, lambda: self._forget(cluster))

    def _forget(self, cluster: Cluster) -> None:
        """Forget a cluster that ended long ago, with what its steps left on this machine."""
        self._clusters.pop(cluster.id, None)
        for step in cluster.steps:
            self.context.store.delete(_STEP, step)
        for collection in cluster.collections:
            self.context.store.delete(_COLLECTION, collection)
        self.context.store.delete(_CLUSTER, cluster.id)
        shutil.rmtree(self.context.settings.scratch_dir / cluster.id, ignore_errors=True)

    def _add(self, cluster: Cluster, steps: Iterable[Step]) -> None:
        for step in steps:
            cluster.add_step(step)
            self._keep_step(cluster, step)

    def _keep(self, cluster: Cluster) -> None:
        self.context.store.put(_CLUSTER, cluster.id, cluster.to_record())

    def _keep_state(self, cluster: Cluster) -> None:
        self._keep(cluster)
        announce_cluster(self.context, cluster)
        if cluster.state.is_final:
            self._forget_later(cluster)

    def _keep_step(self, cluster: Cluster, step: Step) -> None:
        self.context.store.put(_STEP, step.id, {"cluster": cluster.id, **step.to_record()})
        announce_step(self.context, cluster, step)

    def _keep_collection(self, cluster: Cluster, collection: Collection, before: Change) -> None:
        record = {"cluster": cluster.id, **collection.to_record()}
        self.context.store.put(_COLLECTION, collection.id, record)
        announce_collection(self.context, cluster, collection, before)

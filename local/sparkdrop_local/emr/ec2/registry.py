"""All clusters of one local EMR, and the lock over them."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.events import announce_cluster, announce_step
from sparkdrop_local.emr.ec2.lifecycle import Lifecycle
from sparkdrop_local.emr.ec2.records import Cluster, Step, Timeline, make_id
from sparkdrop_local.emr.ec2.words import MODIFY_TERMINATED, UNKNOWN_JOB_FLOW, USER_REQUEST, Ending
from sparkdrop_local.emr.errors import invalid_request, shutting_down, validation
from sparkdrop_local.emr.jobs.execution import JobRunner

_LOGGER = logging.getLogger(__name__)
_CLUSTER, _STEP = "cluster", "step"


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
            on_cluster=self._keep_cluster,
            on_step=self._keep_step,
        )
        self._clusters: dict[str, Cluster] = {}
        self._closed = False
        with context.lock:
            self._load()

    def add_cluster(self, request: Mapping[str, Any], *, steps: Iterable[Step], **attributes: Any) -> Cluster:
        """Make a cluster and let it start.

        Args:
            request: the RunJobFlow.
            steps: its first steps.
            **attributes: the rest of ``Cluster``'s attributes.

        Raises:
            EmrError: this EMR is closed.
        """
        if self._closed:
            raise shutting_down()
        identifier = make_id("j-")
        settings = self.context.settings
        cluster = Cluster(
            request=request,
            id=identifier,
            arn=f"arn:aws:elasticmapreduce:{settings.region}:{settings.account_id}:cluster/{identifier}",
            timeline=Timeline(self.context.clock.now()),
            **attributes,
        )
        self._clusters[identifier] = cluster
        self._keep(cluster)
        self._add(cluster, steps)
        self._runner.warm_up()
        self._lifecycle.begin(cluster)
        return cluster

    def list_clusters(self) -> list[Cluster]:
        """List all clusters, newest first."""
        return list(reversed(self._clusters.values()))

    def find_cluster(self, cluster_id: str) -> Cluster:
        """Find a cluster by its id, or raise InvalidRequestException."""
        cluster = self._clusters.get(cluster_id)
        if cluster is None:
            raise invalid_request(f"Cluster id '{cluster_id}' is not valid.")
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

    def close(self) -> None:
        """End every cluster, stop what runs, and wait until it has stopped."""
        with self.context.lock:
            self._closed = True
            for cluster in self._clusters.values():
                self.end_cluster(cluster)
        self._runner.join(self.context.settings.stop_grace_seconds * 2 + 30)
        with self.context.lock:
            self._lifecycle.finish(self._clusters.values())

    def _load(self) -> None:
        """Take up what an earlier process knew."""
        store = self.context.store
        for identifier, record in store.load(_CLUSTER):
            self._clusters[identifier] = Cluster.from_record(record)
        for identifier, record in store.load(_STEP):
            cluster = self._clusters[record.pop("cluster")]
            cluster.steps[identifier] = Step.from_record(record)
        for cluster in list(self._clusters.values()):
            if not cluster.state.is_final:
                _LOGGER.info("cluster %s of an earlier process goes on", cluster.id)
                self._lifecycle.resume(cluster)

    def _add(self, cluster: Cluster, steps: Iterable[Step]) -> None:
        for step in steps:
            cluster.steps[step.id] = step
            self._keep_step(cluster, step)

    def _keep(self, cluster: Cluster) -> None:
        self.context.store.put(_CLUSTER, cluster.id, cluster.to_record())

    def _keep_cluster(self, cluster: Cluster) -> None:
        self._keep(cluster)
        announce_cluster(self.context, cluster)

    def _keep_step(self, cluster: Cluster, step: Step) -> None:
        self.context.store.put(_STEP, step.id, {"cluster": cluster.id, **step.to_record()})
        announce_step(self.context, cluster, step)

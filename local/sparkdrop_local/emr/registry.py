"""All clusters of one local EMR, and the lock over them."""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.errors import EmrError, invalid_request, validation
from sparkdrop_local.emr.execution import StepRunner
from sparkdrop_local.emr.lifecycle import ClusterDriver
from sparkdrop_local.emr.records import Cluster, Step, make_id
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.emr.words import MODIFY_TERMINATED, UNKNOWN_JOB_FLOW, USER_REQUEST

_LOGGER = logging.getLogger(__name__)


class Registry:
    """The clusters, each with the thread that moves it on.

    Operations hold ``lock`` while they look at or change a cluster; threads wait on the cluster's ``changed``
    condition, which is over the same lock.
    """

    def __init__(self, settings: EmrSettings) -> None:
        self.settings = settings
        self.storage = Storage(settings)
        self.lock = threading.RLock()
        self._runner = StepRunner(settings, self.storage)
        self._clusters: dict[str, Cluster] = {}
        self._drivers: dict[str, ClusterDriver] = {}
        self._closed = False

    def add_cluster(self, request: Mapping[str, Any], **attributes: Any) -> Cluster:
        """Make a cluster and start its thread.

        Args:
            request: the RunJobFlow.
            **attributes: the rest of ``Cluster``'s attributes.

        Raises:
            EmrError: this EMR is closed.
        """
        if self._closed:
            raise EmrError("InternalServerException", "this local EMR is shutting down", 500)
        identifier = make_id("j-")
        settings = self.settings
        cluster = Cluster(
            request=request,
            changed=threading.Condition(self.lock),
            id=identifier,
            arn=f"arn:aws:elasticmapreduce:{settings.region}:{settings.account_id}:cluster/{identifier}",
            **attributes,
        )
        self._clusters[identifier] = cluster
        self._drivers[identifier] = ClusterDriver(cluster, self._runner, settings)
        self._drivers[identifier].start()
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
        step = cluster.find_step(step_id)
        if step is None:
            raise invalid_request(f"Step id '{step_id}' is not valid.")
        return step

    def end_cluster(self, cluster: Cluster) -> None:
        """Have a cluster end at the user's request; one that is ending already goes on doing so."""
        if cluster.ending is None:
            cluster.ending = USER_REQUEST
            cluster.changed.notify_all()

    def cancel_step(self, cluster: Cluster, step: Step, *, force: bool) -> None:
        """Stop a step that runs: SIGTERM, or SIGKILL when forced."""
        self._drivers[cluster.id].cancel(step, force=force)

    def close(self) -> None:
        """End every cluster, stop what runs, and wait until it has stopped."""
        with self.lock:
            self._closed = True
            drivers = list(self._drivers.values())
            for cluster in self._clusters.values():
                self.end_cluster(cluster)
        for driver in drivers:
            driver.join(self.settings.stop_grace_seconds * 2 + 30)
            if driver.is_alive():
                _LOGGER.error("the local EMR could not stop cluster %s", driver.name)

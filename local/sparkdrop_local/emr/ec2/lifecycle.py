"""A cluster's way from STARTING to TERMINATED.

``settle`` looks at one cluster and does what is due: it is called whenever something changed (a request, a
step's end, a timer) and is harmless when nothing did. Everything here runs under the registry's lock.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sparkdrop_local.emr.clock import Clock, Timer
from sparkdrop_local.emr.ec2 import bootstrap, words
from sparkdrop_local.emr.ec2.hardware import Change, Hardware
from sparkdrop_local.emr.ec2.nodes import SPOT, Collection
from sparkdrop_local.emr.ec2.queue import StepQueue
from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.ec2.words import ClusterState, Ending
from sparkdrop_local.emr.faults import FaultKind, Faults
from sparkdrop_local.emr.jobs.execution import JobRun, JobRunner
from sparkdrop_local.emr.jobs.task import JobState, Outcome
from sparkdrop_local.emr.settings import NO_DELAYS, Delays


@dataclass(slots=True)
class _Life:
    """What a cluster has beside its record while this process lives."""

    queue: StepQueue
    action: JobRun | None = None
    timer: Timer | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a process of it runs."""
        return self.action is not None or self.queue.is_busy


class Lifecycle:
    """Moves the clusters of one EMR on.

    Args:
        clock: EMR's time; its lock is the registry's.
        runner: starts steps and bootstrap actions.
        delays: how long each state lasts by itself.
        faults: what is to go wrong.
        on_state: told of every cluster whose state changed.
        on_change: told of every cluster whose record changed, but for its state.
        on_step: told of every step whose record changed.
        on_collection: told of every instance group or fleet whose record changed, with what it was before.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        runner: JobRunner,
        delays: Delays,
        faults: Faults,
        on_state: Callable[[Cluster], None],
        on_change: Callable[[Cluster], None],
        on_step: Callable[[Cluster, Step], None],
        on_collection: Callable[[Cluster, Collection, Change], None],
    ) -> None:
        self.hardware = Hardware(clock, delays.resizing, on_collection)
        self._clock = clock
        self._runner = runner
        self._delays = delays
        self._faults = faults
        self._on_state = on_state
        self._on_change = on_change
        self._on_step = on_step
        self._lives: dict[str, _Life] = {}

    def begin(self, cluster: Cluster) -> None:
        """Take in a new cluster; ``settle`` lets it start."""
        self._make_life(cluster)
        cluster.since = self._clock.now()
        self._on_state(cluster)
        self.hardware.begin(cluster)

    def adopt(self, cluster: Cluster) -> None:
        """Take in a cluster of an earlier process; ``settle`` lets it go on.

        Steps that ran are FAILED; a bootstrap action that ran starts over, in a folder of its own again.
        """
        self._make_life(cluster).queue.fail_lost()
        self._on_change(cluster)

    def settle(self, cluster: Cluster) -> None:
        """Do what is due, and set the timer of what is due next."""
        life = self._lives[cluster.id]
        if life.timer is not None:
            life.timer.cancel()
            life.timer = None
        # each move may make the next one due at once
        while self._move(cluster, life):
            pass

    def cancel(self, cluster: Cluster, step: Step, *, force: bool) -> None:
        """Cancel a step that waits, or ask one that runs to stop."""
        if cluster.id in self._lives:
            self._lives[cluster.id].queue.cancel(step, force=force)

    def end(self, cluster: Cluster, ending: Ending) -> None:
        """Have a cluster end; one that is ending already goes on doing so."""
        if cluster.ending is None:
            cluster.ending = ending
        self.settle(cluster)

    def finish(self, clusters: Iterable[Cluster]) -> None:
        """Let clusters that are ending be gone at once: their steps have ended, and time is over."""
        self._delays = NO_DELAYS
        for cluster in clusters:
            if not cluster.state.is_final:
                self.settle(cluster)

    def _make_life(self, cluster: Cluster) -> _Life:
        queue = StepQueue(self._clock, self._runner, cluster, self._on_step, self._go_on)
        return self._lives.setdefault(cluster.id, _Life(queue))

    def _go_on(self, cluster: Cluster) -> None:
        """Keep what a step's end changed of its cluster, and do what is due."""
        self._on_change(cluster)
        self.settle(cluster)

    def _move(self, cluster: Cluster, life: _Life) -> bool:
        """Make one move; tell whether the next one has to be looked for."""
        if cluster.state.is_final:
            return False
        if cluster.state is ClusterState.TERMINATING:
            return self._finish(cluster, life)
        if cluster.ending is not None:
            self._shut_down(cluster, life, cluster.ending)
            return True
        if cluster.state is ClusterState.STARTING:
            return self._start(cluster, life)
        if cluster.state is ClusterState.BOOTSTRAPPING:
            return self._bootstrap(cluster, life)
        return self._work(cluster, life)

    def _start(self, cluster: Cluster, life: _Life) -> bool:
        if not self._is_over(cluster, life, self._delays.starting):
            return False
        if self._faults.take(FaultKind.START_FAILURE, cluster.name, cluster.id):
            cluster.ending = words.INTERNAL_ERROR
        else:
            self._enter(cluster, ClusterState.BOOTSTRAPPING, words.BOOTSTRAPPING)
            self.hardware.bootstrap(cluster)
        return True

    def _bootstrap(self, cluster: Cluster, life: _Life) -> bool:
        if life.action is not None:
            return False
        if cluster.bootstrapped < len(bootstrap.list_actions(cluster)):
            task = bootstrap.build_action_task(cluster, cluster.bootstrapped)
            life.action = self._runner.start(task, functools.partial(self._take_in_action, cluster))
            return False
        if not self._is_over(cluster, life, self._delays.bootstrapping):
            return False
        cluster.timeline.ready = cluster.idle_since = self._clock.now()
        self._order_interruption(cluster)
        self.hardware.make_ready(cluster)
        self._wait_or_run(cluster, life)
        return True

    def _take_in_action(self, cluster: Cluster, outcome: Outcome) -> None:
        """Take in how a bootstrap action ended; called by its own thread."""
        with self._clock.lock:
            self._lives[cluster.id].action = None
            if outcome.state is JobState.COMPLETED:
                cluster.bootstrapped += 1
                self._on_change(cluster)
            elif outcome.state is JobState.FAILED and cluster.ending is None:
                cluster.ending = bootstrap.fail(cluster, cluster.bootstrapped, outcome)
            self.settle(cluster)

    def _order_interruption(self, cluster: Cluster) -> None:
        """Take a fault that is meant for this cluster's Spot Instances, if it has some."""
        if any(one.targets.get(SPOT) for one in cluster.collections.values()):
            fault = self._faults.take(FaultKind.SPOT_INTERRUPTION, cluster.name, cluster.id)
            if fault is not None:
                cluster.interruption_due = self._clock.now() + fault.seconds

    def _work(self, cluster: Cluster, life: _Life) -> bool:
        if self._interrupt(cluster, life):
            return True
        if (due := self.hardware.advance(cluster)) is not None:
            self._settle_at(cluster, life, due)
        life.queue.start_due()
        self._wait_or_run(cluster, life)
        if life.queue.is_busy:
            return False
        if not self._is_kept(cluster):
            cluster.ending = words.STEPS_COMPLETED_WITH_ERRORS if cluster.failed else words.STEPS_COMPLETED
            return True
        if cluster.idle_timeout is None or cluster.protected:
            return False
        due = cluster.idle_since + cluster.idle_timeout
        if due > self._clock.now():
            self._settle_at(cluster, life, due)
            return False
        cluster.ending = words.IDLE
        return True

    def _interrupt(self, cluster: Cluster, life: _Life) -> bool:
        """Take the Spot Instances away when that is due; tell whether the cluster is to end for it."""
        due = cluster.interruption_due
        if due is None:
            return False
        if due > self._clock.now():
            self._settle_at(cluster, life, due)
            return False
        cluster.interruption_due = None
        lost_master = self.hardware.interrupt(cluster)
        if lost_master:
            cluster.ending = words.MASTER_INTERRUPTED
        self._on_change(cluster)
        return lost_master

    @staticmethod
    def _is_kept(cluster: Cluster) -> bool:
        """Whether it stays without steps: as asked for, or as protection against a failed step keeps it.

        https://docs.aws.amazon.com/emr/latest/APIReference/API_SetTerminationProtection.html
        """
        return cluster.keep_alive or (cluster.protected and cluster.held)

    def _wait_or_run(self, cluster: Cluster, life: _Life) -> None:
        is_kept = self._is_kept(cluster)
        if life.queue.is_busy:
            self._enter(cluster, ClusterState.RUNNING, words.RUNNING_STEP)
        elif is_kept or cluster.state is ClusterState.BOOTSTRAPPING:
            message = words.READY_AFTER[cluster.last_step] if cluster.last_step else words.READY
            self._enter(cluster, ClusterState.WAITING if is_kept else ClusterState.RUNNING, message)

    def _shut_down(self, cluster: Cluster, life: _Life, ending: Ending) -> None:
        cluster.code = ending.code
        self._enter(cluster, ClusterState.TERMINATING, ending.message)
        life.queue.stop(cancelled=ending == words.USER_REQUEST)
        if life.action is not None:
            life.action.terminate(cancelled=True)
        self.hardware.shut_down(cluster)

    def _finish(self, cluster: Cluster, life: _Life) -> bool:
        if life.is_busy or not self._is_over(cluster, life, self._delays.terminating):
            return False
        ending = cluster.ending or words.USER_REQUEST
        cluster.timeline.ended = self._clock.now()
        self.hardware.finish(cluster)
        self._enter(cluster, ending.state, ending.message)
        del self._lives[cluster.id]
        return False

    def _enter(self, cluster: Cluster, state: ClusterState, message: str | None) -> None:
        """Change the cluster's state, or what is said of it; nothing is told when neither changes."""
        if (cluster.state, cluster.message) == (state, message):
            return
        if cluster.state is state:
            cluster.message = message
            self._on_change(cluster)
            return
        cluster.since = self._clock.now()
        cluster.state, cluster.message = state, message
        self._on_state(cluster)

    def _is_over(self, cluster: Cluster, life: _Life, seconds: float) -> bool:
        """Whether the state has lasted long enough; if not, its end is awaited."""
        due = cluster.since + seconds
        if due <= self._clock.now():
            return True
        self._settle_at(cluster, life, due)
        return False

    def _settle_at(self, cluster: Cluster, life: _Life, due: float) -> None:
        """Have the cluster looked at again at a time, unless it is earlier anyway."""
        if life.timer is not None:
            if life.timer.due <= due:
                return
            life.timer.cancel()
        life.timer = self._clock.call_at(due, lambda: self.settle(cluster))

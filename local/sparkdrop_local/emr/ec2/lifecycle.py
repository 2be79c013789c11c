"""A cluster's way from STARTING to TERMINATED, and its queue of steps.

``settle`` looks at one cluster and does what is due: it is called whenever something changed (a request, a
step's end, a timer) and is harmless when nothing did. Everything here runs under the registry's lock.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sparkdrop_local.emr.clock import Clock, Timer
from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.ec2.steps import build_task
from sparkdrop_local.emr.ec2.words import ClusterState, Ending, StepState
from sparkdrop_local.emr.faults import FaultKind, Faults
from sparkdrop_local.emr.jobs.execution import JobRun, JobRunner
from sparkdrop_local.emr.jobs.failures import UNKNOWN
from sparkdrop_local.emr.jobs.task import Failure, JobState, Outcome
from sparkdrop_local.emr.settings import NO_DELAYS, Delays

_STOPS_CLUSTER = ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")


@dataclass(slots=True)
class _Life:
    """What a cluster has beside its record while this process lives."""

    runs: dict[str, JobRun] = field(default_factory=dict)
    entered: float = 0.0
    timer: Timer | None = None


class Lifecycle:
    """Moves the clusters of one EMR on.

    Args:
        clock: EMR's time; its lock is the registry's.
        runner: starts steps.
        delays: how long each state lasts by itself.
        faults: what is to go wrong.
        on_cluster: told of every cluster whose record changed.
        on_step: told of every step whose record changed.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        runner: JobRunner,
        delays: Delays,
        faults: Faults,
        on_cluster: Callable[[Cluster], None],
        on_step: Callable[[Cluster, Step], None],
    ) -> None:
        self._clock = clock
        self._runner = runner
        self._delays = delays
        self._faults = faults
        self._on_cluster = on_cluster
        self._on_step = on_step
        self._lives: dict[str, _Life] = {}

    def begin(self, cluster: Cluster) -> None:
        """Let a new cluster start."""
        self._lives[cluster.id] = _Life()
        self._enter(cluster, ClusterState.STARTING, None)
        self.settle(cluster)

    def resume(self, cluster: Cluster) -> None:
        """Take up a cluster of an earlier process, and say what became of the steps that ran."""
        self._lives[cluster.id] = _Life(entered=self._clock.now())
        for step in cluster.steps_in(StepState.RUNNING, StepState.CANCEL_PENDING):
            self._end_step(cluster, step, Outcome(JobState.FAILED, Failure(UNKNOWN, words.LOST_STEP, None)))
        self.settle(cluster)

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
        """Cancel a step that waits, or ask one that runs to stop; it is CANCEL_PENDING until it has."""
        if step.state is StepState.PENDING:
            self._change_step(cluster, step, StepState.CANCELLED)
            return
        run = self._lives[cluster.id].runs.get(step.id)
        if run is not None:
            self._change_step(cluster, step, StepState.CANCEL_PENDING)
            run.cancel(force=force)

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
        return True

    def _bootstrap(self, cluster: Cluster, life: _Life) -> bool:
        if not self._is_over(cluster, life, self._delays.bootstrapping):
            return False
        cluster.timeline.ready = cluster.idle_since = self._clock.now()
        self._wait_or_run(cluster, life)
        return True

    def _work(self, cluster: Cluster, life: _Life) -> bool:
        self._start_steps(cluster, life)
        self._wait_or_run(cluster, life)
        if life.runs:
            return False
        if not cluster.keep_alive:
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

    def _wait_or_run(self, cluster: Cluster, life: _Life) -> None:
        if life.runs:
            self._enter(cluster, ClusterState.RUNNING, words.RUNNING_STEP)
        elif cluster.keep_alive or cluster.state is ClusterState.BOOTSTRAPPING:
            message = words.READY_AFTER[cluster.last_step] if cluster.last_step else words.READY
            state = ClusterState.WAITING if cluster.keep_alive else ClusterState.RUNNING
            self._enter(cluster, state, message)

    def _start_steps(self, cluster: Cluster, life: _Life) -> None:
        for step in cluster.steps_in(StepState.PENDING):
            if len(life.runs) >= cluster.concurrency:
                return
            step.timeline.ready = self._clock.now()
            self._change_step(cluster, step, StepState.RUNNING)
            on_end = functools.partial(self._take_in, cluster, step)
            life.runs[step.id] = self._runner.start(build_task(cluster, step), on_end)

    def _take_in(self, cluster: Cluster, step: Step, outcome: Outcome) -> None:
        """Take in how a step ended; called by the step's own thread."""
        with self._clock.lock:
            del self._lives[cluster.id].runs[step.id]
            self._end_step(cluster, step, outcome)
            self.settle(cluster)

    def _end_step(self, cluster: Cluster, step: Step, outcome: Outcome) -> None:
        step.failure = outcome.failure
        step.timeline.ended = cluster.idle_since = self._clock.now()
        cluster.last_step = StepState(outcome.state)
        self._change_step(cluster, step, cluster.last_step)
        if outcome.state is JobState.FAILED:
            cluster.failed = True
            self._act_on_failure(cluster, step)

    def _act_on_failure(self, cluster: Cluster, step: Step) -> None:
        """Do what the step asked for should it fail.

        With a StepConcurrencyLevel above 1 neither the cluster nor other steps are touched, and a protected
        cluster outlives its step: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
        """
        if step.action_on_failure == "CONTINUE" or cluster.concurrency > 1:
            return
        self._cancel_pending(cluster)
        if step.action_on_failure in _STOPS_CLUSTER and not cluster.protected and cluster.ending is None:
            cluster.ending = words.STEP_FAILED

    def _cancel_pending(self, cluster: Cluster) -> None:
        for step in cluster.steps_in(StepState.PENDING):
            self._change_step(cluster, step, StepState.CANCELLED)

    def _shut_down(self, cluster: Cluster, life: _Life, ending: Ending) -> None:
        cluster.code = ending.code
        self._enter(cluster, ClusterState.TERMINATING, ending.message)
        self._cancel_pending(cluster)
        for run in life.runs.values():
            run.terminate(cancelled=ending == words.USER_REQUEST)

    def _finish(self, cluster: Cluster, life: _Life) -> bool:
        if life.runs or not self._is_over(cluster, life, self._delays.terminating):
            return False
        ending = cluster.ending or words.USER_REQUEST
        cluster.timeline.ended = self._clock.now()
        self._enter(cluster, ending.state, ending.message)
        del self._lives[cluster.id]
        return False

    def _enter(self, cluster: Cluster, state: ClusterState, message: str | None) -> None:
        """Change the cluster's state; nothing is told when it is in it already."""
        life = self._lives[cluster.id]
        if life.entered and (cluster.state, cluster.message) == (state, message):
            return
        if not life.entered or cluster.state is not state:
            life.entered = self._clock.now()
        cluster.state, cluster.message = state, message
        self._on_cluster(cluster)

    def _change_step(self, cluster: Cluster, step: Step, state: StepState) -> None:
        step.state = state
        self._on_step(cluster, step)

    def _is_over(self, cluster: Cluster, life: _Life, seconds: float) -> bool:
        """Whether the state has lasted long enough; if not, its end is awaited."""
        due = life.entered + seconds
        if due <= self._clock.now():
            return True
        self._settle_at(cluster, life, due)
        return False

    def _settle_at(self, cluster: Cluster, life: _Life, due: float) -> None:
        life.timer = self._clock.call_at(due, lambda: self.settle(cluster))

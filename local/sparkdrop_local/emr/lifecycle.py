"""A cluster's way from STARTING to TERMINATED, and its queue of steps.

One thread a cluster, which waits on a condition and never polls.
"""

import threading
import time

from sparkdrop_local.emr import words
from sparkdrop_local.emr.execution import Outcome, StepRun, StepRunner
from sparkdrop_local.emr.records import Cluster, Step
from sparkdrop_local.emr.settings import EmrSettings
from sparkdrop_local.emr.words import ClusterState, StepState

_STOPS_CLUSTER = ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")


class ClusterDriver(threading.Thread):
    """Moves one cluster on. Everything it reads and writes is under the lock of ``cluster.changed``."""

    def __init__(self, cluster: Cluster, runner: StepRunner, settings: EmrSettings) -> None:
        super().__init__(name=f"emr-{cluster.id}", daemon=True)
        self._cluster = cluster
        self._runner = runner
        self._settings = settings
        self._runs: dict[str, StepRun] = {}

    def run(self) -> None:
        """Start, work until there is a reason to end, end."""
        cluster = self._cluster
        started = time.monotonic()
        self._runner.warm_up()
        with cluster.changed:
            if self._provision(started):
                self._work()
            self._shut_down()

    def cancel(self, step: Step, *, force: bool) -> None:
        """Ask a running step to stop; it is CANCEL_PENDING until it has."""
        run = self._runs.get(step.id)
        if run is not None:
            step.state = StepState.CANCEL_PENDING
            run.cancel(force=force)

    def _provision(self, started: float) -> bool:
        """Pass STARTING and BOOTSTRAPPING; tell whether the cluster came up."""
        cluster, half = self._cluster, self._settings.start_delay_seconds / 2
        for number, state in enumerate((ClusterState.STARTING, ClusterState.BOOTSTRAPPING), start=1):
            cluster.state = state
            cluster.message = words.BOOTSTRAPPING if state is ClusterState.BOOTSTRAPPING else None
            left = started + number * half - time.monotonic()
            if cluster.changed.wait_for(lambda: cluster.ending is not None, max(left, 0)):
                return False
        cluster.timeline.ready = time.time()
        cluster.idle_since = time.monotonic()
        return True

    def _work(self) -> None:
        cluster = self._cluster
        while cluster.ending is None:
            self._start_steps()
            if self._runs:
                cluster.state, cluster.message = ClusterState.RUNNING, words.RUNNING_STEP
                cluster.changed.wait()
            elif not cluster.keep_alive:
                ending = words.STEPS_COMPLETED_WITH_ERRORS if cluster.failed else words.STEPS_COMPLETED
                cluster.ending = ending
            else:
                self._wait_for_work()

    def _start_steps(self) -> None:
        cluster = self._cluster
        for step in cluster.steps_in(StepState.PENDING):
            if len(self._runs) >= cluster.concurrency:
                return
            step.state = StepState.RUNNING
            step.timeline.ready = time.time()
            self._runs[step.id] = self._runner.start(cluster, step, self._end_step)

    def _wait_for_work(self) -> None:
        """Be WAITING until something changes, or until the auto-termination policy ends the cluster."""
        cluster = self._cluster
        cluster.state = ClusterState.WAITING
        cluster.message = words.READY_AFTER[cluster.last_step] if cluster.last_step else words.READY
        if cluster.idle_timeout is None or cluster.protected:
            cluster.changed.wait()
            return
        limit = cluster.idle_timeout * self._settings.idle_time_scale
        left = cluster.idle_since + limit - time.monotonic()
        if left <= 0:
            cluster.ending = words.IDLE
        else:
            cluster.changed.wait(left)

    def _end_step(self, step: Step, outcome: Outcome) -> None:
        """Take in how a step ended; called by the step's own thread."""
        cluster = self._cluster
        with cluster.changed:
            del self._runs[step.id]
            step.state = outcome.state
            step.failure = outcome.failure
            step.timeline.ended = time.time()
            cluster.idle_since = time.monotonic()
            cluster.last_step = outcome.state
            if outcome.state is StepState.FAILED:
                cluster.failed = True
                self._act_on_failure(step)
            cluster.changed.notify_all()

    def _act_on_failure(self, step: Step) -> None:
        """Do what the step asked for should it fail.

        With a StepConcurrencyLevel above 1 neither the cluster nor other steps are touched, and a protected
        cluster outlives its step: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
        """
        cluster = self._cluster
        if step.action_on_failure == "CONTINUE" or cluster.concurrency > 1:
            return
        self._cancel_pending()
        if step.action_on_failure in _STOPS_CLUSTER and not cluster.protected and cluster.ending is None:
            cluster.ending = words.STEP_FAILED

    def _cancel_pending(self) -> None:
        for step in self._cluster.steps_in(StepState.PENDING):
            step.state = StepState.CANCELLED

    def _shut_down(self) -> None:
        cluster = self._cluster
        ending = cluster.ending or words.USER_REQUEST
        cluster.state, cluster.code, cluster.message = ClusterState.TERMINATING, ending.code, ending.message
        self._cancel_pending()
        for run in self._runs.values():
            run.terminate(cancelled=ending is words.USER_REQUEST)
        cluster.changed.wait_for(lambda: not self._runs)
        if self._settings.terminate_delay_seconds > 0:
            deadline = time.monotonic() + self._settings.terminate_delay_seconds
            while (left := deadline - time.monotonic()) > 0:
                cluster.changed.wait(left)
        cluster.state = ending.state
        cluster.timeline.ended = time.time()
        cluster.changed.notify_all()

"""A cluster's queue of steps: started in order, as many at once as it allows, and taken in when they end.

Everything here runs under the registry's lock.
"""

import functools
from collections.abc import Callable

from sparkdrop_local.emr.clock import Clock
from sparkdrop_local.emr.ec2 import words
from sparkdrop_local.emr.ec2.records import Cluster, Step
from sparkdrop_local.emr.ec2.steps import build_task
from sparkdrop_local.emr.ec2.words import StepState
from sparkdrop_local.emr.jobs.execution import JobRun, JobRunner
from sparkdrop_local.emr.jobs.failures import UNKNOWN
from sparkdrop_local.emr.jobs.task import Failure, JobState, Outcome

_STOPS_CLUSTER = ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")


class StepQueue:
    """The steps of one cluster that run, and those that wait.

    Args:
        clock: EMR's time.
        runner: starts steps.
        cluster: whose queue it is.
        on_step: told of every step whose record changed.
        on_end: called when a step has ended by itself, to see what is due.
    """

    def __init__(
        self,
        clock: Clock,
        runner: JobRunner,
        cluster: Cluster,
        on_step: Callable[[Cluster, Step], None],
        on_end: Callable[[Cluster], None],
    ) -> None:
        self._clock = clock
        self._runner = runner
        self._cluster = cluster
        self._on_step = on_step
        self._on_end = on_end
        self._runs: dict[str, JobRun] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a step runs."""
        return bool(self._runs)

    def fail_lost(self) -> None:
        """End the steps that ran in an earlier process: FAILED, unless they were being stopped."""
        ending = self._cluster.ending
        for step in self._cluster.steps_in(StepState.RUNNING, StepState.CANCEL_PENDING):
            if step.state is StepState.CANCEL_PENDING or ending == words.USER_REQUEST:
                self._end_step(step, Outcome(JobState.CANCELLED))
            elif ending is not None:
                self._end_step(step, Outcome(JobState.INTERRUPTED))
            else:
                self._end_step(step, Outcome(JobState.FAILED, Failure(UNKNOWN, words.LOST_STEP, None)))

    def start_due(self) -> None:
        """Start the steps whose turn it is."""
        cluster = self._cluster
        for step in cluster.steps_in(StepState.PENDING):
            if len(self._runs) >= cluster.concurrency:
                return
            step.timeline.ready = self._clock.now()
            self._change(step, StepState.RUNNING)
            on_end = functools.partial(self._take_in, step)
            self._runs[step.id] = self._runner.start(build_task(cluster, step), on_end)

    def cancel(self, step: Step, *, force: bool) -> None:
        """Cancel a step that waits, or ask one that runs to stop; it is CANCEL_PENDING until it has."""
        if step.state is StepState.PENDING:
            self._change(step, StepState.CANCELLED)
            return
        run = self._runs.get(step.id)
        if run is not None:
            if step.state is not StepState.CANCEL_PENDING:
                self._change(step, StepState.CANCEL_PENDING)
            run.cancel(force=force)

    def cancel_waiting(self) -> None:
        """Cancel every step that waits."""
        for step in self._cluster.steps_in(StepState.PENDING):
            self._change(step, StepState.CANCELLED)

    def stop(self, *, cancelled: bool) -> None:
        """Cancel what waits and stop what runs, which is CANCELLED or INTERRUPTED then."""
        self.cancel_waiting()
        for run in self._runs.values():
            run.terminate(cancelled=cancelled)

    def _take_in(self, step: Step, outcome: Outcome) -> None:
        """Take in how a step ended; called by the step's own thread."""
        with self._clock.lock:
            del self._runs[step.id]
            try:
                self._end_step(step, outcome)
            finally:
                # what is due does not wait for a record that could not be kept
                self._on_end(self._cluster)

    def _end_step(self, step: Step, outcome: Outcome) -> None:
        cluster = self._cluster
        step.failure = outcome.failure
        step.timeline.ended = cluster.idle_since = self._clock.now()
        cluster.last_step = StepState(outcome.state)
        self._change(step, cluster.last_step)
        if outcome.state is JobState.FAILED:
            cluster.failed = True
            self._act_on_failure(step)

    def _act_on_failure(self, step: Step) -> None:
        """Do what the step asked for should it fail.

        With a StepConcurrencyLevel above 1 neither the cluster nor other steps are touched, and a protected
        cluster outlives its step: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
        """
        cluster = self._cluster
        if step.action_on_failure == "CONTINUE" or cluster.concurrency > 1:
            return
        self.cancel_waiting()
        if step.action_on_failure in _STOPS_CLUSTER and cluster.ending is None:
            if cluster.protected:
                cluster.held = True
            else:
                cluster.ending = words.STEP_FAILED

    def _change(self, step: Step, state: StepState) -> None:
        self._cluster.change_step(step, state)
        self._on_step(self._cluster, step)

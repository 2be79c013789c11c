"""The ways of applications and their job runs.

``settle`` looks at one application with its job runs and does what is due: it is called whenever something
changed (a request, a process's end, a timer) and is harmless when nothing did. All times that matter are in
the records, so that a later process goes on where this one stopped. Everything here runs under the lock.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from sparkdrop_local.emr.clock import Timer
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.jobs.execution import JobRun as Process
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.jobs.task import JobState, Outcome
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.records import Application, Attempt, JobRun
from sparkdrop_local.emr.serverless.tasks import build_task, plan_run
from sparkdrop_local.emr.serverless.words import ApplicationState, RunState

_MINUTE = 60


@dataclass(slots=True)
class _Life:
    """What an application has beside its record while this process lives.

    Attributes:
        processes: what runs, by job run.
        timer: the call at what is due next.
        due: when that is, as far as the records were looked at.
        taken: how many of the application's concurrent runs are taken, counted once for all who wait.
    """

    processes: dict[str, Process] = field(default_factory=dict)
    timer: Timer | None = None
    due: float = math.inf
    taken: int = 0


class Lifecycle:
    """Moves applications and job runs on.

    Args:
        context: the clock, the delays.
        runner: starts job runs.
        on_application: told of every application whose state changed.
        on_run: told of every job run that changed, with its state before.
        on_retry: told of every job run that has a new attempt.
    """

    def __init__(
        self,
        context: EmrContext,
        runner: JobRunner,
        *,
        on_application: Callable[[Application], None],
        on_run: Callable[[JobRun, RunState], None],
        on_retry: Callable[[JobRun], None],
    ) -> None:
        self._clock = context.clock
        self._delays = context.settings.delays
        self._runner = runner
        self._on_application = on_application
        self._on_run = on_run
        self._on_retry = on_retry
        self._lives: dict[str, _Life] = {}
        self._closed = False
        # one move of a job run in each state, which tells whether it made one
        self._moves: dict[RunState, Callable[[Application, JobRun, _Life], bool]] = {
            RunState.SUBMITTED: self._take_slot,
            RunState.QUEUED: self._take_slot,
            RunState.PENDING: self._schedule,
            RunState.SCHEDULED: self._allocate,
            RunState.RUNNING: self._watch,
            RunState.CANCELLING: self._kill,
        }

    def begin(self, application: Application) -> None:
        """Take up a new application."""
        self._lives[application.id] = _Life()
        self.settle(application)

    def resume(self, application: Application) -> None:
        """Take up an application of an earlier process, and say what became of the job runs that ran."""
        self._lives[application.id] = _Life()
        for run in application.active:
            if run.state is RunState.CANCELLING:
                self._finish(application, run, RunState.CANCELLED, run.ending or words.LOST_RUN)
            elif run.state is RunState.RUNNING:
                self._fail(application, run, words.LOST_RUN)
        self.settle(application)

    def settle(self, application: Application) -> None:
        """Do what is due, and set the timer of what is due next."""
        life = self._lives[application.id]
        if life.timer is not None:
            life.timer.cancel()
            life.timer = None
        life.due = math.inf
        moved = True
        while moved and not self._closed:
            life.due = math.inf
            moved = self._move(application, life)
            active = application.active
            life.taken = sum(not run.state.is_waiting for run in active)
            for run in active:
                move = self._moves.get(run.state)
                moved = (move is not None and move(application, run, life)) or moved
        if life.due < math.inf:
            life.timer = self._clock.call_at(life.due, lambda: self.settle(application))

    def start(self, application: Application) -> None:
        """Start an application that rests."""
        self._enter(application, ApplicationState.STARTING)
        self.settle(application)

    def stop(self, application: Application) -> None:
        """Stop an application without job runs."""
        self._enter(application, ApplicationState.STOPPING)
        self.settle(application)

    def terminate(self, application: Application) -> None:
        """Let an application that rests be gone."""
        self._enter(application, ApplicationState.TERMINATED)

    def cancel(self, application: Application, run: JobRun, *, why: str, grace_seconds: float = 0) -> None:
        """Cancel a job run: at once, or with SIGTERM first and a time of grace."""
        if run.state is RunState.CANCELLING or run.state.is_final:
            return
        run.ending = why
        self._change(run, RunState.CANCELLING)
        process = self._lives[application.id].processes.get(run.id)
        if process is None:
            self._finish(application, run, RunState.CANCELLED, why)
        else:
            run.kill_at = self._clock.now() + grace_seconds if grace_seconds else None
            process.cancel(force=not grace_seconds)
        self.settle(application)

    def close(self) -> list[Process]:
        """Move nothing any more, and have every process stop; give those that have to."""
        self._closed = True
        processes = [process for life in self._lives.values() for process in life.processes.values()]
        for process in processes:
            process.terminate(cancelled=False)
        return processes

    def _move(self, application: Application, life: _Life) -> bool:
        """Make one move of an application; tell whether it made one."""
        state, delay = application.state, application.updated + self._delays.application
        if state is ApplicationState.CREATING and self._is_due(life, delay):
            return self._enter(application, ApplicationState.CREATED)
        if state in words.RESTING and application.starts_by_itself and application.active:
            return self._enter(application, ApplicationState.STARTING)
        if state is ApplicationState.STARTING and self._is_due(life, delay):
            application.idle_since = self._clock.now()
            return self._enter(application, ApplicationState.STARTED)
        if state is ApplicationState.STOPPING and self._is_due(life, delay):
            return self._enter(application, ApplicationState.STOPPED)
        if state is ApplicationState.STARTED and not application.active:
            idle = application.idle_minutes
            if idle is not None and self._is_due(life, application.idle_since + idle * _MINUTE):
                return self._enter(application, ApplicationState.STOPPING)
        return False

    def _take_slot(self, application: Application, run: JobRun, life: _Life) -> bool:
        """Take one of the application's concurrent runs, or wait in its queue."""
        scheduler = application.request.get("schedulerConfiguration")
        if scheduler and life.taken >= scheduler["maxConcurrentRuns"]:
            return self._wait(application, run, life, scheduler["queueTimeoutMinutes"])
        life.taken += 1
        if run.state is RunState.QUEUED:
            run.queued_seconds += self._clock.now() - run.queued_since
        return self._change(run, RunState.PENDING)

    def _wait(self, application: Application, run: JobRun, life: _Life, minutes: int) -> bool:
        if run.state is RunState.SUBMITTED:
            run.queued_since = self._clock.now()
            return self._change(run, RunState.QUEUED)
        if not self._is_due(life, run.queued_since + minutes * _MINUTE):
            return False
        run.queued_seconds += self._clock.now() - run.queued_since
        self._change(run, RunState.CANCELLING)
        return self._finish(
            application, run, RunState.CANCELLED, words.QUEUE_TIMED_OUT.format(minutes=minutes)
        )

    def _schedule(self, application: Application, run: JobRun, _life: _Life) -> bool:
        missing = plan_run(run).find_missing(application.request.get("maximumCapacity"))
        if missing:
            message = words.LAST_EXCEPTIONS.format(
                message=words.OVER_CAPACITY.format(limits=", ".join(missing))
            )
            return self._finish(application, run, RunState.FAILED, words.FAILED + message)
        if application.state is not ApplicationState.STARTED:
            return False
        return self._change(run, RunState.SCHEDULED)

    def _allocate(self, application: Application, run: JobRun, life: _Life) -> bool:
        """Start a run's process, once there is room for it in the application."""
        if not self._is_due(life, run.attempt.updated + self._delays.job_run):
            return False
        room = plan_run(run).fit(application.used, application.request.get("maximumCapacity"))
        if room is None:
            return False
        run.held, run.workers = room
        run.attempt.started = self._clock.now()
        self._change(run, RunState.RUNNING)
        on_end = functools.partial(self._take_in, application, run)
        life.processes[run.id] = self._runner.start(build_task(application, run), on_end)
        return True

    def _watch(self, _application: Application, run: JobRun, life: _Life) -> bool:
        """Cancel a run that takes longer than it may."""
        minutes = run.request["executionTimeoutMinutes"]
        if not minutes or run.started is None or not self._is_due(life, run.started + minutes * _MINUTE):
            return False
        run.ending = words.TIMED_OUT.format(minutes=minutes)
        life.processes[run.id].cancel(force=True)
        return self._change(run, RunState.CANCELLING)

    def _kill(self, _application: Application, run: JobRun, life: _Life) -> bool:
        """End the time of grace."""
        if run.kill_at is not None and self._is_due(life, run.kill_at):
            run.kill_at = None
            life.processes[run.id].cancel(force=True)
        return False

    def _take_in(self, application: Application, run: JobRun, outcome: Outcome) -> None:
        """Take in how a process ended; called by its own thread."""
        with self._clock.lock:
            del self._lives[application.id].processes[run.id]
            if run.state is RunState.CANCELLING:
                self._finish(application, run, RunState.CANCELLED, run.ending or "")
            elif outcome.state is JobState.COMPLETED:
                self._finish(application, run, RunState.SUCCESS)
            elif outcome.state is JobState.FAILED:
                self._fail(application, run, _word_failure(outcome))
            else:
                self._finish(application, run, RunState.FAILED, words.LOST_RUN)
            self.settle(application)

    def _fail(self, application: Application, run: JobRun, details: str) -> None:
        """End a run that failed, or its attempt where the run's policy has another one."""
        failed, now = run.attempt, self._clock.now()
        if self._closed or not run.may_retry(now):
            self._finish(application, run, RunState.FAILED, details)
            return
        failed.state, failed.ended, failed.updated = RunState.FAILED, now, now
        failed.details = details[: words.MAX_DETAILS_CHARACTERS]
        run.attempts.append(Attempt(number=failed.number + 1, created=now, updated=now))
        self._change(run, RunState.PENDING)
        self._on_retry(run)

    def _finish(
        self, application: Application, run: JobRun, state: RunState, details: str | None = None
    ) -> bool:
        run.attempt.ended = application.idle_since = self._clock.now()
        run.kill_at = None
        return self._change(run, state, details)

    def _enter(self, application: Application, state: ApplicationState) -> bool:
        application.state, application.updated = state, self._clock.now()
        self._on_application(application)
        return True

    def _change(self, run: JobRun, state: RunState, details: str | None = None) -> bool:
        attempt, previous = run.attempt, run.state
        attempt.state, attempt.updated = state, self._clock.now()
        attempt.details = (details or words.DETAILS[state])[: words.MAX_DETAILS_CHARACTERS]
        self._on_run(run, previous)
        return True

    def _is_due(self, life: _Life, due: float) -> bool:
        """Whether a time has come; if not, it is awaited."""
        if due <= self._clock.now():
            return True
        life.due = min(life.due, due)
        return False


def _word_failure(outcome: Outcome) -> str:
    details = words.FAILED
    if outcome.exit_code is not None:
        details += words.EXIT_CODE.format(code=outcome.exit_code)
    if outcome.failure is not None and outcome.failure.message:
        details += words.LAST_EXCEPTIONS.format(message=outcome.failure.message)
    return details

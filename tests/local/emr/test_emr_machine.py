"""Clusters under any requests, ends of processes, steps of the clock and restarts, in any order.

The machine drives EMR's operations with processes that end as it says. Every record that is written is held
against EMR's graph of states, and after every step the records and the store are compared.
"""

import tempfile
from pathlib import Path
from threading import RLock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sparkdrop_local.emr import Delays, EmrSettings
from sparkdrop_local.emr.clock import Clock
from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.ec2.operations import OPERATIONS
from sparkdrop_local.emr.ec2.registry import Registry
from sparkdrop_local.emr.errors import EmrError
from sparkdrop_local.emr.faults import Fault, FaultKind, Faults
from sparkdrop_local.emr.jobs.task import Failure, JobState, Outcome
from sparkdrop_local.emr.storage import Storage
from sparkdrop_local.emr.store import Store

ENDS = {"TERMINATED", "TERMINATED_WITH_ERRORS"}
GOING = {"TERMINATING"}
STOPPED = {"CANCELLED", "INTERRUPTED", "COMPLETED", "FAILED"}
GRAPH = {
    "cluster": {
        None: {"STARTING"},
        "STARTING": {"BOOTSTRAPPING"} | GOING,
        "BOOTSTRAPPING": {"RUNNING", "WAITING"} | GOING,
        "RUNNING": {"WAITING"} | GOING,
        "WAITING": {"RUNNING"} | GOING,
        "TERMINATING": ENDS,
    },
    "step": {
        None: {"PENDING"},
        "PENDING": {"RUNNING", "CANCELLED"},
        "RUNNING": {"CANCEL_PENDING"} | STOPPED,
        "CANCEL_PENDING": STOPPED,
    },
    "collection": {
        None: {"PROVISIONING"},
        "PROVISIONING": {"BOOTSTRAPPING", "RUNNING", "RESIZING"} | GOING,
        "BOOTSTRAPPING": {"RUNNING"} | GOING,
        "RUNNING": {"RESIZING"} | GOING,
        "RESIZING": {"RUNNING"} | GOING,
        "TERMINATING": {"TERMINATED"},
    },
}
ACTIONS = ["CONTINUE", "CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"]
WHICH = st.integers(0, 20)


class WatchedStore(Store):
    """A store that takes only what is along EMR's graph."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.states = {(kind, name): record["state"] for kind in GRAPH for name, record in self.load(kind)}

    def put(self, kind, identifier, body):
        before, after = self.states.get((kind, identifier)), str(body["state"])
        assert after == before or after in GRAPH[kind].get(before, ()), f"{kind}: {before} -> {after}"
        self.states[kind, identifier] = after
        super().put(kind, identifier, body)


class Job:
    """A process that runs until the machine ends it."""

    def __init__(self, on_end):
        self.on_end = on_end
        self.stopped_as = None

    def cancel(self, **_):
        self.stopped_as = self.stopped_as or JobState.CANCELLED

    def terminate(self, *, cancelled):
        self.stopped_as = self.stopped_as or (JobState.CANCELLED if cancelled else JobState.INTERRUPTED)


class Jobs:
    """A JobRunner without processes."""

    def __init__(self):
        self.running = []

    def warm_up(self):
        pass

    def start(self, _, on_end):
        self.running.append(Job(on_end))
        return self.running[-1]


class Silence:
    """An EventPublisher whom nobody hears."""

    def publish(self, event):
        pass


class ClusterMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.levels = {}
        self.open()

    def open(self):
        place = Path(self.folder.name)
        options = EmrSettings(
            scratch_dir=place,
            state_file=place / "state.sqlite",
            delays=Delays(starting=10, bootstrapping=5, terminating=5, resizing=20),
            clock_rate=0,
            endpoint_url="http://127.0.0.1:1",
        )
        lock = RLock()
        self.context = EmrContext(
            settings=options,
            lock=lock,
            clock=Clock(lock, 0),
            store=WatchedStore(options.state_file),
            storage=Storage(options),
            faults=Faults(),
            events=Silence(),
        )
        self.jobs = Jobs()
        self.registry = Registry(self.context, self.jobs)

    def teardown(self):
        self.context.clock.close()
        self.context.store.close()
        self.folder.cleanup()

    def call(self, operation, **parameters):
        """Call an operation; one that refuses changes nothing."""
        with self.context.lock:
            try:
                return OPERATIONS[operation](self.registry, parameters)
            except EmrError:
                return None

    def clusters(self):
        return self.registry.list_clusters()

    def pick(self, which):
        return self.clusters()[which % len(self.clusters())]

    @rule(
        kept=st.booleans(),
        protected=st.booleans(),
        level=st.integers(1, 3),
        actions=st.lists(st.sampled_from(ACTIONS), max_size=3),
        bootstraps=st.integers(0, 2),
        market=st.sampled_from(["SPOT", "ON_DEMAND"]),
        idle=st.sampled_from([None, 60]),
        fault=st.sampled_from([None, FaultKind.START_FAILURE, FaultKind.SPOT_INTERRUPTION]),
    )
    def run_cluster(self, kept, protected, level, actions, bootstraps, market, idle, fault):  # noqa: PLR0917 - a request has many sides
        if fault is not None:
            self.context.faults.add(Fault(kind=fault, seconds=15))
        roles = [("MASTER", market, 1), ("CORE", "SPOT", 2)]
        groups = [
            {"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count, "Market": one}
            for role, one, count in roles
        ]
        instances = {
            "InstanceGroups": groups,
            "KeepJobFlowAliveWhenNoSteps": kept,
            "TerminationProtected": protected,
        }
        script = {"Path": "s3://code/script.sh"}
        answer = self.call(
            "RunJobFlow",
            Name="any",
            Instances=instances,
            StepConcurrencyLevel=level,
            Steps=[self.step(action) for action in actions],
            BootstrapActions=[{"Name": "any", "ScriptBootstrapAction": script}] * bootstraps,
            **({"AutoTerminationPolicy": {"IdleTimeout": idle}} if idle else {}),
        )
        if answer is not None:
            self.levels[answer["JobFlowId"]] = level

    @staticmethod
    def step(action):
        return {"Name": "any", "ActionOnFailure": action, "HadoopJarStep": {"Jar": "command-runner.jar"}}

    @precondition(lambda self: self.clusters())
    @rule(which=WHICH, action=st.sampled_from(ACTIONS))
    def add_step(self, which, action):
        self.call("AddJobFlowSteps", JobFlowId=self.pick(which).id, Steps=[self.step(action)])

    @precondition(lambda self: any(cluster.steps for cluster in self.clusters()))
    @rule(which=WHICH, force=st.booleans())
    def cancel_step(self, which, force):
        steps = [(cluster, step) for cluster in self.clusters() for step in cluster.steps]
        cluster, step = steps[which % len(steps)]
        option = "TERMINATE_PROCESS" if force else "SEND_INTERRUPT"
        self.call("CancelSteps", ClusterId=cluster.id, StepIds=[step], StepCancellationOption=option)

    @precondition(lambda self: self.clusters())
    @rule(which=WHICH, level=st.integers(1, 3))
    def change_level(self, which, level):
        cluster = self.pick(which)
        self.call("ModifyCluster", ClusterId=cluster.id, StepConcurrencyLevel=level)
        self.levels[cluster.id] = max(self.levels[cluster.id], level)

    @precondition(lambda self: self.clusters())
    @rule(which=WHICH, protected=st.booleans(), kept=st.booleans())
    def change_cluster(self, which, protected, kept):
        flows = {"JobFlowIds": [self.pick(which).id]}
        self.call("SetTerminationProtection", **flows, TerminationProtected=protected)
        self.call("SetKeepJobFlowAliveWhenNoSteps", **flows, KeepJobFlowAliveWhenNoSteps=kept)

    @precondition(lambda self: self.clusters())
    @rule(which=WHICH, count=st.integers(1, 4))
    def resize(self, which, count):
        cluster = self.pick(which)
        core = next(one for one in cluster.collections.values() if one.role == "CORE")
        self.call(
            "ModifyInstanceGroups", InstanceGroups=[{"InstanceGroupId": core.id, "InstanceCount": count}]
        )

    @precondition(lambda self: self.clusters())
    @rule(which=WHICH)
    def terminate(self, which):
        self.call("TerminateJobFlows", JobFlowIds=[self.pick(which).id])

    @rule(seconds=st.sampled_from([1, 5, 20, 100]))
    def pass_time(self, seconds):
        self.context.clock.step(seconds)

    @precondition(lambda self: self.jobs.running)
    @rule(which=WHICH, is_good=st.booleans())
    def end_process(self, which, is_good):
        job = self.jobs.running.pop(which % len(self.jobs.running))
        if job.stopped_as is not None:
            job.on_end(Outcome(job.stopped_as))
        elif is_good:
            job.on_end(Outcome(JobState.COMPLETED, exit_code=0))
        else:
            job.on_end(Outcome(JobState.FAILED, Failure("Unknown Error.", "any", None), 1))

    @rule()
    def restart(self):
        self.context.clock.close()
        self.context.store.close()
        self.open()

    @invariant()
    def the_store_knows_all(self):
        store = self.context.store
        clusters, steps, collections = (dict(store.load(kind)) for kind in ("cluster", "step", "collection"))
        for cluster in self.clusters():
            assert clusters[cluster.id] == cluster.to_record()
            for step in cluster.steps.values():
                assert steps[step.id] == {"cluster": cluster.id, **step.to_record()}
            for one in cluster.collections.values():
                assert collections[one.id] == {"cluster": cluster.id, **one.to_record()}

    @invariant()
    def an_ended_cluster_is_at_rest(self):
        for cluster in self.clusters():
            assert set(cluster.active) == {one.id for one in cluster.steps.values() if one.state.is_active}
            if cluster.state.is_final:
                assert not cluster.active
                assert {one.state for one in cluster.collections.values()} == {"TERMINATED"}
                assert not [one for part in cluster.collections.values() for one in part.alive()]

    @invariant()
    def as_many_steps_run_as_may(self):
        for cluster in self.clusters():
            states = [step.state for step in cluster.active.values()]
            running = len(states) - states.count("PENDING")
            assert running <= self.levels[cluster.id]
            if cluster.state in ("RUNNING", "WAITING") and "PENDING" in states:
                assert running >= cluster.concurrency

    @invariant()
    def times_are_in_order(self):
        for cluster in self.clusters():
            parts = [*cluster.collections.values()]
            instances = [one for part in parts for one in part.instances.values()]
            for one in (cluster, *cluster.steps.values(), *parts, *instances):
                times = [one.timeline.created, one.timeline.ready, one.timeline.ended]
                known = [moment for moment in times if moment is not None]
                assert known == sorted(known)


TestClusters = ClusterMachine.TestCase
TestClusters.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

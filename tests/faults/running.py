"""Runs one schedule on a system and watches it from outside until all has ended, or its time is up."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tests.e2e.system import ENDS, System
from tests.faults.drawing import Drop, Injury, Schedule
from tests.faults.dropping import Dropped, drop_file
from tests.faults.facts import find_live_clusters
from tests.faults.injuries import Injured, Injurer

_TICK_SECONDS = 0.1
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a schedule came to.

    Attributes:
        schedule: what was drawn.
        dropped: what landed, with what was seen of its end.
        injured: the faults as they came to pass.
        garbage: what the queue was sent that is no event.
        began: by this machine's clock.
        finished: when nothing more was waited for.
    """

    schedule: Schedule
    dropped: list[Dropped]
    injured: list[Injured]
    garbage: list[str]
    began: float
    finished: float


def run_schedule(
    system: System, schedule: Schedule, *, bound_seconds: float, orphan_seconds: float
) -> Outcome:
    """Run it.

    Args:
        system: one that is up, with the pipelines of `drawing.PIPELINES`.
        schedule: what to do.
        bound_seconds: how long after the last fault's end an upload that has not ended is waited for.
        orphan_seconds: how long after that a cluster is.
    """
    dropped: list[Dropped] = []
    injurer = Injurer(system, dropped)
    began = time.time()
    pool = ThreadPoolExecutor(max_workers=max(1, len(schedule.injuries)))
    try:
        futures = [pool.submit(_injure, injurer, injury, began) for injury in schedule.injuries]
        _drop_all(system, schedule.seed, list(schedule.drops), dropped, began)
        injured = _watch_to_the_end(system, dropped, futures, bound_seconds)
    finally:
        pool.shutdown(cancel_futures=True)
        injurer.heal()
    _await_clusters(system, dropped, began, orphan_seconds)
    return Outcome(schedule, dropped, injured, injurer.garbage, began, time.time())


def _injure(injurer: Injurer, injury: Injury, began: float) -> Injured:
    time.sleep(max(0.0, began + injury.at - time.time()))
    return injurer.injure(injury)


def _drop_all(system: System, seed: int, drops: list[Drop], dropped: list[Dropped], began: float) -> None:
    looked = 0.0
    while drops:
        if time.time() >= began + drops[0].at:
            dropped.append(drop_file(system, seed, drops.pop(0)))
        elif time.time() - looked >= _LOOK_SECONDS:
            _observe(system, dropped)
            looked = time.time()
        else:
            time.sleep(_TICK_SECONDS)


def _watch_to_the_end(
    system: System, dropped: list[Dropped], futures: list[Future[Injured]], bound_seconds: float
) -> list[Injured]:
    injured: list[Injured] = []
    while len(injured) < len(futures) or (
        any(one.ended is None for one in dropped)
        and time.time() < max((one.ended for one in injured), default=time.time()) + bound_seconds
    ):
        _observe(system, dropped)
        injured = [future.result() for future in futures if future.done()]
        time.sleep(_LOOK_SECONDS)
    return injured


def _observe(system: System, dropped: list[Dropped]) -> None:
    """Note the time of each end that is seen for the first time."""
    waiting = {one.identity: one for one in dropped if one.ended is None}
    if not waiting:
        return
    try:
        uploads = system.list_uploads()
    except (BotoCoreError, ClientError):
        return
    for upload in uploads:
        one = waiting.get((upload["key"], upload["version_id"]))
        if one is not None and upload["state"] in ENDS:
            one.ended, one.state = time.time(), upload["state"]


def _await_clusters(system: System, dropped: list[Dropped], began: float, seconds: float) -> None:
    deadline = time.time() + seconds
    while find_live_clusters(system, began) and time.time() < deadline:
        time.sleep(_LOOK_SECONDS)
        _observe(system, dropped)

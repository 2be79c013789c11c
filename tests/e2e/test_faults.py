"""Processes that die: nothing is lost, nothing is doubled."""

import os
import signal

import pytest

from tests.e2e.system import System, wait_for

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("process", "until"),
    [
        ("triggerer", None),  # after the upload and before the run
        ("triggerer", "RUNNING"),  # while it waits for the step
        ("scheduler", "CLAIMED"),  # with the run's next task in hand
    ],
)
def test_a_killed_process_loses_and_doubles_nothing(system: System, process: str, until: str | None) -> None:
    folder = f"people/killed/{process}/{until}"
    keys = [f"{folder}/{number}.csv" for number in range(3)]
    before = system.read_process(process)
    versions = [system.drop(key, f"name,age,city\nP,{number},Q\n") for number, key in enumerate(keys)]
    if until:
        wait_for(until, lambda: (system.find(keys[0]) or {}).get("state") == until)

    os.kill(before["pid"], signal.SIGKILL)

    wait_for(f"new {process}", lambda: system.read_process(process)["pid"] not in {None, before["pid"]})
    uploads = system.wait_for_ends(zip(keys, versions, strict=True), seconds=300)
    assert {upload["state"] for upload in uploads} == {"SUCCEEDED"}
    rows = [row for row in system.read_rows("people/") if row["_source_key"].startswith(f"{folder}/")]
    assert sorted(row["age"] for row in rows) == [0, 1, 2]

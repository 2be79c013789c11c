"""Processes that die: nothing is lost, nothing is doubled."""

import os
import signal

import pytest

from tests.e2e.system import System, wait_for

pytestmark = pytest.mark.e2e


def test_a_triggerer_killed_between_the_upload_and_its_run_loses_and_doubles_nothing(system: System) -> None:
    triggerer = system.read_process("triggerer")
    keys = [f"people/killed/{number}.csv" for number in range(3)]
    versions = [system.drop(key, f"name,age,city\nP,{number},Q\n") for number, key in enumerate(keys)]

    os.kill(triggerer["pid"], signal.SIGKILL)

    wait_for("new triggerer", lambda: system.read_process("triggerer")["pid"] not in {None, triggerer["pid"]})
    uploads = system.wait_for_ends(zip(keys, versions, strict=True), seconds=300)
    assert {upload["state"] for upload in uploads} == {"SUCCEEDED"}
    rows = [row for row in system.read_rows("people/") if row["_source_key"].startswith("people/killed/")]
    assert sorted(row["age"] for row in rows) == [0, 1, 2]

"""The amazon provider's own system tests, as they are, run by Airflow against the local EMR."""

import pytest

from tests.local.emr_clients.provider_sources import SourcesError, find_requirement
from tests.local.emr_clients.system_dags import NAMES


@pytest.mark.parametrize("deferrable", [False, True], ids=["waiting", "deferrable"])
@pytest.mark.parametrize("dag", NAMES)
def test_a_system_test_of_the_provider_passes(dag_runs, dag, deferrable):
    ended = dag_runs[deferrable].wait(dag)

    failed = {name: state for name, state in ended["tasks"].items() if state != "success"}
    # the watcher runs where something failed
    assert failed == {"watcher": "skipped"}, find_errors(dag_runs[deferrable].log)
    assert ended["state"] == "success"


def test_only_the_deferrable_ones_were_deferred(dag_runs):
    for deferrable, run in dag_runs.items():
        run.wait(NAMES[-1])
        assert ("running trigger in line" in run.log) == deferrable


def test_the_sources_are_those_of_the_lock():
    lock = (
        "aiobotocore==3 \\\n    --hash=sha256:0\n"
        "apache-airflow-providers-amazon==9 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via x\n"
    )
    assert find_requirement(lock).split() == [
        "apache-airflow-providers-amazon==9", "\\", "--hash=sha256:1", "\\", "--hash=sha256:2",
    ]  # fmt: skip
    with pytest.raises(SourcesError, match="with hashes"):
        find_requirement("apache-airflow-providers-amazon==9\n")


def find_errors(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if "[error" in line or "Error:" in line)[-6000:]

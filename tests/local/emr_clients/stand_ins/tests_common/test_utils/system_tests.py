"""The hook by which Airflow's own pytest runs a system test; run_dag.py runs them here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import DAG


def get_test_run(dag: "DAG") -> "Callable[[], None]":
    """Give a function that runs the DAG once."""

    def test_run() -> None:
        dag.test()

    return test_run

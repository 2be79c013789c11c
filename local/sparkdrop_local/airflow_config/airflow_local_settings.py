"""What the laptop's Airflow does at its start; Airflow imports this module by its name."""

from airflow.utils.log.file_task_handler import FileTaskHandler

from sparkdrop.orchestration.preload import preload


def _read_no_served_logs(*_: object) -> tuple[list[str], list[object]]:
    """All logs are on this disk: there is no log server to ask, and no failure to report in every log."""
    return [], []


preload()
FileTaskHandler._read_from_logs_server = _read_no_served_logs  # type: ignore[method-assign,assignment]  # noqa: SLF001  # the one place all readers pass

"""A job's logs: files while it runs, and their gzip under LogUri when it ends.

``controller`` is EMR's own account of the process, and ``syslog`` what Hadoop logs for a custom JAR.
``stdout`` and ``stderr`` are the process's; in Spark's cluster mode that is YARN's client, and the driver has
its container's logs (``yarn``). Unlike on EMR, a Python driver's stderr is not mixed into its stdout. Places:
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
"""

import gzip
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from sparkdrop_local.emr.storage import Storage

_LOGGER = logging.getLogger(__name__)
NAMES = ("controller", "stdout", "stderr", "syslog")
_TAIL_BYTES = 256 * 1024


class JobLogs:
    """The logs of one job."""

    def __init__(self, folder: Path, uris: Mapping[str, str]) -> None:
        self._folder = folder
        self._uris = uris
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (folder / name).touch()

    def path(self, name: str) -> Path:
        """The file of a log while the step runs."""
        return self._folder / name

    def uri(self, name: str) -> str | None:
        """Where a log is once the job has ended; None where it is not kept."""
        return self._uris.get(name)

    def control(self, level: str, text: str) -> None:
        """Write a line of the controller's log."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        with self.path("controller").open("a", encoding="utf-8") as file:
            file.write(f"{now}Z {level} {text}\n")

    def control_start(self, line: str) -> None:
        """Write the controller's opening lines: the command, and where its output goes."""
        self.control("INFO", f"startExec '{line}'")
        self.control("INFO", f"redirectOutput to {self.path('stdout')}")
        self.control("INFO", f"redirectError to {self.path('stderr')}")

    def control_end(self, exit_code: int) -> None:
        """Write the controller's closing lines."""
        seconds = round(time.monotonic() - self._started)
        self.control("INFO", f"total process run time: {seconds} seconds")
        self.control("INFO", "Step created jobs: ")
        if exit_code == 0:
            self.control("INFO", f"Step succeeded with exitCode 0 and took {seconds} seconds")
        else:
            self.control("WARN", f"Step failed with exitCode {exit_code} and took {seconds} seconds")

    def write_error(self, text: str) -> None:
        """Add a line to stderr: why a step could not be started."""
        with self.path("stderr").open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    def read_tail(self, name: str) -> str:
        """Read the end of a log, at most 256 KiB."""
        with self.path(name).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            return file.read().decode("utf-8", errors="replace")

    def upload(self, storage: Storage) -> None:
        """Upload those that are kept; a bucket that refuses them costs the logs, not the job."""
        for name, uri in self._uris.items():
            if not self.path(name).exists():  # a container's, where there was none
                continue
            body = gzip.compress(self.path(name).read_bytes(), compresslevel=1)
            try:
                storage.upload(uri, body)
            except (BotoCoreError, ClientError) as error:
                _LOGGER.warning("the logs of a job could not be uploaded to %s: %s", uri, error)
                return

"""The process: what it announces, and what it leaves behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from sparkdrop.core.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Emulation


def test_it_announces_all_that_a_deployment_needs(emulation: Emulation) -> None:
    deployment = Deployment.from_environment(emulation.environment)
    assert deployment.uploads_bucket == emulation.uploads
    assert emulation.announcement["pid"] == emulation.process.pid
    assert emulation.announcement["endpoint_url"] == emulation.environment["AWS_ENDPOINT_URL"]
    assert deployment.arrivals_queue_url.startswith(emulation.announcement["endpoint_url"])
    assert emulation.environment["AWS_REGION"] == emulation.environment["AWS_DEFAULT_REGION"]
    assert (emulation.home / "aws.json").stat().st_mode & 0o077 == 0


def test_it_listens_on_loopback_only(emulation: Emulation) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(emulation.process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(
    tmp_path: Path, start_emulation: Callable[..., Any], number: signal.Signals
) -> None:
    with start_emulation(tmp_path) as running:
        port = int(running.announcement["endpoint_url"].rsplit(":", 1)[-1])
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.process.send_signal(number)
        assert running.process.wait(timeout=10) == 0
        assert not (tmp_path / "aws.json").exists()
        assert not [child for child in children if child.is_running()]
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_one_line_and_no_announcement(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "sparkdrop_local.aws", "--home", str(tmp_path), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == f"port {port} of 127.0.0.1 is taken: give another --port"
    assert not (tmp_path / "aws.json").exists()

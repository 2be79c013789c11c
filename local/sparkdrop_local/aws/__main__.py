"""``python -m sparkdrop_local.aws --home DIR [--port N]``: AWS on this machine until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.aws import names
from sparkdrop_local.aws.application import build_application
from sparkdrop_local.aws.clients import Clients
from sparkdrop_local.aws.deployment import Deployed, deploy
from sparkdrop_local.aws.outages import OutageApp
from sparkdrop_local.aws.server import start_server
from sparkdrop_local.aws.templates import load_templates
from sparkdrop_local.aws.trail import FILE as TRAIL_FILE
from sparkdrop_local.aws.trail import TrailApp
from sparkdrop_local.emr import EmrApp, EmrSettings
from sparkdrop_local.supervisor import hold
from sparkdrop_local.system import aws_file, write_private

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger("sparkdrop_local.aws")


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal; 1 and one line where the emulation cannot start."""
    parser = argparse.ArgumentParser(prog="python -m sparkdrop_local.aws", description="AWS on this machine.")
    parser.add_argument("--home", type=Path, default=Path(".local"), help="the local system's folder")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (default: a free one)")
    parser.add_argument("--trail", action="store_true", help="write every call to trail.jsonl")
    parser.add_argument("--empty", action="store_true", help="an account with nothing in it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    home = options.home.resolve()
    aws_file(home).unlink(missing_ok=True)
    with ExitStack() as stack:
        try:
            start(home, options.port, stack, trail=options.trail, empty=options.empty)
        except SparkdropError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        stopping.wait()
    return 0


def start(home: Path, port: int, stack: ExitStack, *, trail: bool, empty: bool) -> None:
    """Serve, deploy, and say so in ``aws.json``; what is to be undone goes on the stack.

    Raises:
        EmulationError: The templates cannot be synthesized or deployed, or the port is taken.
        SettingsError: A setting of the local EMR makes no sense.
        StoreError: The local EMR's state cannot be opened.
        LocalSystemError: Another process has this home.
    """
    began = time.monotonic()
    settings = emr_settings(home)
    # clusters of this home have one keeper
    stack.enter_context(hold(settings.scratch_dir))
    with ThreadPoolExecutor(max_workers=1) as pool:
        # the synthesis is a process of its own: it runs while moto is imported
        templates = None if empty else pool.submit(load_templates)
        moto = build_application()
        emr = stack.enter_context(EmrApp(moto, settings))
        application: WSGIApplication = OutageApp(emr)
        if trail:
            application = stack.enter_context(closing(TrailApp(application, home / TRAIL_FILE)))
        server = start_server(application, port, emr.set_endpoint_url)
        stack.callback(server.stop)
        stack.callback(emr.close)  # before the server: the last logs and events go to it
        # only now: it takes half a second of moto's imports, beside the synthesis
        from sparkdrop_local.aws.cloudformation import backend

        backend.apply(server.endpoint_url)
        deployed = (
            Deployed() if templates is None else deploy(Clients(server.endpoint_url), templates.result())
        )
    announcement = {
        "endpoint_url": server.endpoint_url,
        "pid": os.getpid(),
        "environment": {"AWS_ENDPOINT_URL": server.endpoint_url, **names.ENVIRONMENT, **deployed.environment},
        "stacks": deployed.stacks,
    }
    ready = aws_file(home)
    write_private(ready, json.dumps(announcement, indent=2))
    stack.callback(ready.unlink, missing_ok=True)
    log.info("ready on %s after %.1f s", server.endpoint_url, time.monotonic() - began)


def emr_settings(home: Path) -> EmrSettings:
    """EMR's settings from this process's environment, with credentials of their own for its steps.

    An endpoint in that environment is another system's: EMR's is the server that is about to start.
    """
    steps = {**names.ENVIRONMENT, "AWS_ACCESS_KEY_ID": names.JOB_KEY_ID}
    settings = EmrSettings.from_environment(home / "emr", {**os.environ, **steps})
    return replace(settings, endpoint_url=None)


if __name__ == "__main__":
    _code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # all is closed by now; taking moto's modules apart one by one takes seconds on a busy machine
    os._exit(_code)

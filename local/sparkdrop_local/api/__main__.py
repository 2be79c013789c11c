"""``python -m sparkdrop_local.api --aws FILE --configs DIR [--port N]``: API, sign-in, page until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from sparkdrop.core.errors import SparkdropError
from sparkdrop_local.announcement import wait_for_environment
from sparkdrop_local.api.deployment import deploy
from sparkdrop_local.api.server import bind, start_server
from sparkdrop_local.aws.names import API_KEY_ID
from sparkdrop_local.system import API_LOGIN_VARIABLE, Login

log = logging.getLogger("sparkdrop_local.api")


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal; 1 and one line where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m sparkdrop_local.api", description=__doc__)
    parser.add_argument("--aws", type=Path, required=True, help="the file that the AWS emulation writes")
    parser.add_argument("--configs", type=Path, required=True, help="the pipeline files")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1 (default: a free one)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    said = os.environ.pop(API_LOGIN_VARIABLE, None)
    os.environ.update(wait_for_environment(options.aws, access_key_id=API_KEY_ID))
    try:
        listener = bind(options.port)
        deployed = deploy(
            os.environ["AWS_ENDPOINT_URL"],
            configs=options.configs.resolve(),
            port=int(listener.getsockname()[1]),
            login=Login.model_validate_json(said) if said else None,
        )
    except SparkdropError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    server = start_server(deployed.application, listener)
    log.info("ready on %s", deployed.url)
    deployed.publisher.watch(stopping)
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

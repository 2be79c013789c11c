"""Starts what a function of the API starts, in a process of its own, and tells what each step took.

Of each step its seconds, and those that the processor worked for it: they differ where others work as well.

Its arguments are folders to import from. The steps: `bare`, what any handler on Powertools imports; `import`,
the handler; `clients`, what the first call that asks AWS for anything loads beside.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module

sys.path[:0] = sys.argv[2:]


def start_bare() -> None:
    """Import what a handler on Powertools with a log and validation cannot do without."""
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver

    Logger(service="bench")
    APIGatewayRestResolver(enable_validation=True)


def start_handler() -> None:
    """Import the handler, as Lambda does."""
    import_module("handler.handler")


def start_clients() -> None:
    """Load what links and lists need of AWS, and make the clients."""
    found = import_module("handler.services").get_services()
    _ = found.viewer, found.linker
    import_module("handler.clients").make_client("sts")


def main(steps: list[str]) -> None:
    """Take the steps in this order."""
    known = {"bare": start_bare, "import": start_handler, "clients": start_clients}
    taken = {}
    for step in steps:
        began, worked = time.perf_counter(), time.process_time()
        known[step]()
        taken[step] = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps(taken))


main(sys.argv[1].split(","))

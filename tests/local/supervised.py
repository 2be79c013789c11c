"""A program for the supervisor's tests: a supervisor over tiny processes, or one of these processes.

``supervised.py supervise HOME NAME=BEHAVIOUR…`` and ``supervised.py child HOME NAME BEHAVIOUR``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SPAWNS_A_RUNAWAY = "runaway"
STUBBORN = "stubborn"
FAILS = "fails"
PLAIN = "plain"
LASTING_SECONDS = 120


def supervise(home: Path, behaviours: dict[str, str]) -> int:
    from sparkdrop_local.supervisor import Child, Plan, Supervisor, make_own_record
    from sparkdrop_local.system import LocalSystem, LocalSystemError

    children = [
        Child(
            name,
            [sys.executable, "-S", __file__, "child", str(home), name, behaviour],
            dict(os.environ),
            restarts=0 if name == "aws" else 2,
        )
        for name, behaviour in behaviours.items()
    ]
    system = LocalSystem(
        system_id=f"test-{os.getpid()}-{time.time_ns()}",
        state="starting",
        home=home,
        supervisor=make_own_record(home),
    )
    plan = Plan(
        system=system,
        children=children,
        find_waiting=lambda: next((name for name in behaviours if not (home / f"{name}.up").exists()), None),
        read_environment=lambda: {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    )
    try:
        return 1 if Supervisor(plan).run().state == "failed" else 0
    except LocalSystemError as error:
        sys.stderr.write(f"{error}\n")
        return 3


def be_child(home: Path, name: str, behaviour: str) -> None:
    if behaviour == STUBBORN:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour == FAILS:
        sys.stderr.write("the disk is full of eels\n")
        sys.exit(7)
    facts = {"pid": os.getpid()}
    if behaviour == SPAWNS_A_RUNAWAY:
        # as an executor's worker: in its parent's session; and as a Spark driver: in one of its own
        lasting = [sys.executable, "-S", "-c", f"import time; time.sleep({LASTING_SECONDS})"]
        facts["worker"] = subprocess.Popen(lasting).pid
        facts["driver"] = subprocess.Popen(lasting, start_new_session=True).pid
    (home / f"{name}.draft").write_text(json.dumps(facts))
    (home / f"{name}.draft").rename(home / f"{name}.up")
    time.sleep(LASTING_SECONDS)


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "child":
        be_child(folder, sys.argv[3], sys.argv[4])
    else:
        sys.exit(supervise(folder, dict(argument.split("=") for argument in sys.argv[3:])))

"""A program for the store's tests: puts records for ever and says of each that it is written."""

import itertools
import sys
from pathlib import Path

from sparkdrop_local.emr.store import Store

store = Store(Path(sys.argv[1]))
for number in itertools.count():
    identifier = f"s-{number}"
    store.put("step", identifier, {"id": identifier, "text": "x" * 500})
    sys.stdout.write(f"{identifier}\n")
    sys.stdout.flush()

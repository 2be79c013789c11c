"""A program for the tests of processes: a local EMR over moto, in a process that can be killed.

``python -m tests.local.emr.serving FOLDER`` serves until SIGTERM, and says where in ``FOLDER/endpoint``.
"""

import signal
import sys
import threading
from pathlib import Path

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sparkdrop_local.emr import NO_DELAYS, EmrApp, EmrSettings


def serve(folder: Path) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    settings = EmrSettings(scratch_dir=folder / "emr", delays=NO_DELAYS, stop_grace_seconds=0.5)
    app = EmrApp(DomainDispatcherApplication(create_backend_app), settings)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    app.set_endpoint_url(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    draft = folder / "draft"
    draft.write_text(f"http://127.0.0.1:{server.server_port}")
    draft.rename(folder / "endpoint")
    stopping.wait()
    app.close()
    server.shutdown()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

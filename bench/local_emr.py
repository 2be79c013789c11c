"""A local EMR in this process, for its bench: opened, called as a WSGI server would, and served."""

from __future__ import annotations

import io
import json
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from sparkdrop_local.aws.application import build_application
from sparkdrop_local.aws.server import start_server
from sparkdrop_local.emr import Delays, EmrApp, EmrSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Call = Callable[[str, dict[str, Any]], dict[str, Any]]
    """An operation and its parameters to its result."""


@contextmanager
def open_emr(home: Path, delays: Delays, **settings: Any) -> Iterator[tuple[EmrApp, Callable[[], str]]]:
    """Open an EMR before moto; gives it with a function that serves it and answers its endpoint's URL.

    Unserved, it has nobody to tell its events, so that nothing else happens in this process.
    """
    state = home / "state.sqlite"
    application = build_application()
    with ExitStack() as stack:
        app = EmrApp(application, EmrSettings(scratch_dir=home, state_file=state, delays=delays, **settings))
        stack.callback(app.close)

        def serve() -> str:
            server = start_server(app, 0, app.set_endpoint_url)
            stack.callback(server.stop)
            stack.callback(app.close)  # before its server
            return server.endpoint_url

        yield app, serve


def make_caller(app: EmrApp) -> Call:
    """Call the app as a WSGI server would, without one."""

    def call(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(parameters).encode()
        statuses: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/x-amz-json-1.1",
            "HTTP_X_AMZ_TARGET": f"ElasticMapReduce.{operation}",
            "wsgi.input": io.BytesIO(body),
        }
        answer = b"".join(app(environ, lambda status, _headers: statuses.append(status)))  # type: ignore[arg-type]
        if not statuses[0].startswith("200"):
            raise RuntimeError(f"{operation} was answered {statuses[0]}: {answer.decode()}")
        return json.loads(answer) if answer else {}

    return call


def time_call(call: Callable[[], Any]) -> float:
    """Call, and answer the seconds that it took."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def build_cluster() -> dict[str, Any]:
    """Build the RunJobFlow of a small cluster."""
    master = {"InstanceRole": "MASTER", "InstanceType": "m7g.xlarge", "InstanceCount": 1}
    core = {"InstanceRole": "CORE", "InstanceType": "r7g.xlarge", "InstanceCount": 4}
    return {
        "Name": "bench",
        "ReleaseLabel": "emr-spark-8.0.0",
        "Applications": [{"Name": "Spark"}],
        "Instances": {"InstanceGroups": [master, core], "KeepJobFlowAliveWhenNoSteps": True},
        "Tags": [{"Key": "team", "Value": "data"}],
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
    }


def build_step(*arguments: str) -> dict[str, Any]:
    """Build a step of command-runner.jar."""
    jar_step = {"Jar": "command-runner.jar", "Args": list(arguments)}
    return {"Name": "bench", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}

"""All applications of one local EMR Serverless, and their job runs."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.errors import conflict, not_found, shutting_down
from sparkdrop_local.emr.jobs.execution import JobRunner
from sparkdrop_local.emr.serverless import words
from sparkdrop_local.emr.serverless.events import announce_application, announce_retry, announce_run
from sparkdrop_local.emr.serverless.lifecycle import Lifecycle
from sparkdrop_local.emr.serverless.records import Application, Attempt, JobRun, make_id
from sparkdrop_local.emr.serverless.words import RunState

_LOGGER = logging.getLogger(__name__)
_APPLICATION, _RUN = "serverless-application", "serverless-job-run"
# of an application, what each of its job runs goes by to its end
_INHERITED = (
    "imageConfiguration", "monitoringConfiguration", "networkConfiguration", "releaseLabel",
    "runtimeConfiguration", "workerTypeSpecifications",
)  # fmt: skip


class Registry:
    """The applications, and what is done to them.

    Operations hold ``context.lock`` while they look at or change an application or a job run.
    """

    def __init__(self, context: EmrContext, runner: JobRunner) -> None:
        self.context = context
        self._runner = runner
        self.lifecycle = Lifecycle(
            context,
            runner,
            on_application=self._keep_application,
            on_run=self._keep_run,
            on_retry=lambda run: announce_retry(context, run),
        )
        self._applications: dict[str, Application] = {}
        # what was answered to which client token; of job runs, each application has its own
        self._tokens: dict[tuple[str, str], Application | JobRun] = {}
        # of an earlier process, not taken up yet
        self._left: list[Application] = []
        self._closed = False
        with context.lock:
            self._load()

    def add_application(self, request: Mapping[str, Any]) -> Application:
        """Make an application, or find the one that the same request has made before.

        Args:
            request: the CreateApplication, checked and with its defaults.

        Raises:
            EmrError: ConflictException for a client token of another request; InternalServerException when
                this EMR is closed.
        """
        token = _read_token(request)
        known = self._find_known("", token)
        if isinstance(known, Application):
            return known
        identifier, now = make_id(), self.context.clock.now()
        application = Application(
            request={name: value for name, value in request.items() if name not in ("clientToken", "tags")},
            id=identifier,
            arn=self._arn(identifier),
            created=now,
            updated=now,
            token=token,
            tags=dict(request.get("tags") or {}),
        )
        self._index(application)
        self._keep_application(application)
        self._runner.warm_up()
        self.lifecycle.begin(application)
        return application

    def add_run(self, application: Application, request: Mapping[str, Any]) -> JobRun:
        """Make a job run, or find the one that the same request has made before.

        Args:
            application: where it runs.
            request: the StartJobRun, checked and with its defaults.

        Raises:
            EmrError: as ``add_application``.
        """
        token = _read_token(request)
        known = self._find_known(application.id, token)
        if isinstance(known, JobRun):
            return known
        identifier, now = make_id(), self.context.clock.now()
        run = JobRun(
            request={name: value for name, value in request.items() if name not in ("clientToken", "tags")},
            inherited={name: application.request.get(name) for name in _INHERITED},
            application_id=application.id,
            id=identifier,
            arn=f"{application.arn}/jobruns/{identifier}",
            created_by=f"arn:aws:iam::{self.context.settings.account_id}:root",
            created=now,
            token=token,
            tags=dict(request.get("tags") or {}),
            attempts=[Attempt(number=1, created=now, updated=now)],
        )
        self._index(run)
        self._keep_run(run, None)
        self.lifecycle.settle(application)
        return run

    def list_applications(self) -> list[Application]:
        """List all applications, newest first."""
        return list(reversed(self._applications.values()))

    def find_application(self, identifier: str) -> Application:
        """Find an application by its id, or raise ResourceNotFoundException."""
        application = self._applications.get(identifier)
        if application is None:
            raise not_found(words.NO_APPLICATION.format(id=identifier))
        return application

    def find_run(self, application: Application, identifier: str) -> JobRun:
        """Find a job run of an application, or raise ResourceNotFoundException."""
        run = application.runs.get(identifier)
        if run is None:
            raise not_found(words.NO_RUN.format(id=identifier))
        return run

    def find_resource(self, arn: str) -> Application | JobRun:
        """Find what an ARN names, or raise ResourceNotFoundException."""
        for application in self._applications.values():
            if arn == application.arn:
                return application
            if arn.startswith(f"{application.arn}/jobruns/"):
                return self.find_run(application, arn.rsplit("/", 1)[-1])
        raise not_found(f"Resource {arn} does not exist")

    def keep(self, resource: Application | JobRun) -> None:
        """Keep what an operation changed of an application or a job run, beside its state."""
        kind = _APPLICATION if isinstance(resource, Application) else _RUN
        self.context.store.put(kind, resource.id, resource.to_record())

    def resume(self) -> None:
        """Take up the applications of an earlier process: job runs may start, so S3 has to be there."""
        with self.context.lock:
            left, self._left = self._left, []
            for application in left:
                self.lifecycle.resume(application)

    def close(self) -> None:
        """Stop what runs, and wait until it has stopped."""
        with self.context.lock:
            self._closed = True
            processes = self.lifecycle.close()
        for process in processes:
            process.join(self.context.settings.stop_grace_seconds * 2 + 30)
            if process.is_alive():
                _LOGGER.error("the local EMR could not stop %s", process.name)

    def _find_known(self, scope: str, token: tuple[str, str]) -> Application | JobRun | None:
        known = self._tokens.get((scope, token[0]))
        if known is not None and known.token != token:
            raise conflict(words.OTHER_PARAMETERS.format(token=token[0]))
        if known is None and self._closed:
            raise shutting_down()
        return known

    def _index(self, resource: Application | JobRun) -> None:
        if isinstance(resource, Application):
            self._applications[resource.id] = resource
            self._tokens["", resource.token[0]] = resource
        else:
            self._applications[resource.application_id].runs[resource.id] = resource
            self._tokens[resource.application_id, resource.token[0]] = resource

    def _load(self) -> None:
        """Read what an earlier process knew."""
        store = self.context.store
        for _, application in store.read(_APPLICATION, Application.from_record):
            self._index(application)
        for _, run in store.read(_RUN, JobRun.from_record):
            if run.application_id in self._applications:
                self._index(run)
        self._left = list(self._applications.values())

    def _arn(self, identifier: str) -> str:
        settings = self.context.settings
        return f"arn:aws:emr-serverless:{settings.region}:{settings.account_id}:/applications/{identifier}"

    def _keep_application(self, application: Application) -> None:
        self.keep(application)
        announce_application(self.context, application)

    def _keep_run(self, run: JobRun, previous: RunState | None) -> None:
        self.keep(run)
        if run.state.is_final:  # its application is idle since then
            self.keep(self._applications[run.application_id])
        announce_run(self.context, run, previous)


def _read_token(request: Mapping[str, Any]) -> tuple[str, str]:
    """Read a request's client token, and the request itself as text that is the same for the same request."""
    rest = {name: value for name, value in request.items() if name != "clientToken"}
    return str(request["clientToken"]), json.dumps(rest, sort_keys=True)

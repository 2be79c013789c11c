"""The route by which a test orders faults, steps the clock and reads the state: ``/_emr/``, JSON, unsigned.

====================  ===========================================================
``GET  /_emr/``       these routes
``GET  /_emr/faults`` what is ordered; ``POST`` orders one, ``DELETE`` cancels all
``/_emr/faults/ID``   ``GET`` one, ``DELETE`` it
``GET  /_emr/clock``  how the clock stands; ``POST`` sets its rate, or steps it
``GET  /_emr/state``  settings in force, and how much there is of what
====================  ===========================================================

It is for whoever has a shell on this machine. A page in a browser is none of them: a request that carries
another origin, or another host's name, is refused.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sparkdrop_local.emr.context import EmrContext
from sparkdrop_local.emr.faults import Fault, FaultKind
from sparkdrop_local.emr.http import Request, Response, is_loopback
from sparkdrop_local.emr.settings import MAX_CLOCK_RATE

_ROOT = "/_emr"
_ROUTES = {
    "GET /_emr/faults": "what is ordered to go wrong, and how often it has",
    "POST /_emr/faults": {"kind": "throttle", "match": "RunJobFlow", "times": 2},
    "DELETE /_emr/faults": "cancels all of it",
    "GET /_emr/faults/fault-1": "one order",
    "DELETE /_emr/faults/fault-1": "cancels one",
    "GET /_emr/clock": "EMR's time and how fast it runs",
    "POST /_emr/clock": [{"rate": 60}, {"step_seconds": 3600}],
    "GET /_emr/state": "settings in force, and how much there is of what",
}
# What happens until it is cancelled, unless the order says how often.
_LASTING = (FaultKind.OUTAGE, FaultKind.SLOW_LOGS)
_NEEDS_SECONDS = (FaultKind.OUTAGE, FaultKind.SLOW_LOGS)
_TAKES_SECONDS = (*_NEEDS_SECONDS, FaultKind.SPOT_INTERRUPTION)
_MOST_SECONDS = 10 * 365 * 86_400
_Answer = tuple[HTTPStatus, Any]
Order = TypeVar("Order", bound=BaseModel)


class FaultOrder(BaseModel):
    """What ``POST /_emr/faults`` takes; its members are ``Fault``'s."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: FaultKind
    match: str | None = Field(None, min_length=1)
    times: int | None = Field(None, ge=1)
    probability: float = Field(1.0, gt=0, le=1)
    seconds: float = Field(0.0, ge=0, le=_MOST_SECONDS)
    rate: float | None = Field(None, gt=0)
    burst: int = Field(1, ge=1)
    cut: bool = True
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind in _NEEDS_SECONDS and not self.seconds:
            raise ValueError(f'{self.kind} lasts some time: add "seconds"')
        if self.kind not in _TAKES_SECONDS and "seconds" in self.model_fields_set:
            raise ValueError(f'{self.kind} lasts no time: leave "seconds" out')
        if self.kind is not FaultKind.THROTTLE and (self.rate or "burst" in self.model_fields_set):
            raise ValueError('"rate" and "burst" are of a throttle')
        if self.kind not in (FaultKind.OUTAGE, FaultKind.LOST_RESPONSE) and "cut" in self.model_fields_set:
            raise ValueError('"cut" is of an outage or a lost_response')
        return self

    def build(self) -> Fault:
        """Make the fault: once, where nothing says how often it happens."""
        values = self.model_dump()
        lasts = self.kind in _LASTING or self.rate or self.probability < 1
        if "times" not in self.model_fields_set and not lasts:
            values["times"] = 1
        return Fault(**values)


class ClockOrder(BaseModel):
    """What ``POST /_emr/clock`` takes: a rate, or a step, or a rate that counts before the step."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    rate: float | None = Field(None, ge=0, le=MAX_CLOCK_RATE)
    step_seconds: float | None = Field(None, ge=0, le=_MOST_SECONDS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rate is None and self.step_seconds is None:
            raise ValueError('give "rate", "step_seconds" or both')
        return self


class _RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class AdminService:
    """Answers ``/_emr/``; faults do not touch it."""

    def __init__(self, context: EmrContext) -> None:
        self._context = context
        self._routes: Mapping[str, Mapping[str, Callable[[Request], _Answer]]] = {
            "": {"GET": lambda _: (HTTPStatus.OK, _ROUTES)},
            "faults": {"GET": self._list_faults, "POST": self._add_fault, "DELETE": self._clear_faults},
            "clock": {"GET": self._read_clock, "POST": self._set_clock},
            "state": {"GET": self._read_state},
        }

    def claims(self, request: Request) -> bool:
        """Whether the request is for this route: no bucket can have its name."""
        return request.path == _ROOT or request.path.startswith(f"{_ROOT}/")

    def answer(self, request: Request) -> Response:
        """Answer in JSON."""
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        try:
            self._admit(request)
            status, body = self._find(request)(request)
        except _RefusedError as error:
            status, body = error.status, {"error": str(error)}
            headers |= error.headers
        return Response(
            status, b"" if body is None else (json.dumps(body, indent=2) + "\n").encode(), headers
        )

    def _admit(self, request: Request) -> None:
        """Refuse what a browser sends for another site; the host tells of a name that was rebound to us."""
        host = f"http://{request.headers.get('host', '')}"
        storage = self._context.storage
        is_known = is_loopback(host) or (storage.is_reachable and storage.endpoint_url.rstrip("/") == host)
        if request.is_foreign or not is_known:
            raise _RefusedError(
                HTTPStatus.FORBIDDEN, f"{_ROOT}/ answers this machine only, and no page of another site"
            )

    def _find(self, request: Request) -> Callable[[Request], _Answer]:
        name, _, identifier = request.path.removeprefix(_ROOT).strip("/").partition("/")
        methods = self._routes.get(name)
        if identifier and name == "faults":
            methods = {"GET": self._show_fault, "DELETE": self._cancel_fault}
        elif methods is None or identifier:
            known = ", ".join(f"{_ROOT}/{name}" for name in self._routes)
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"there is no {request.path}; there are: {known}")
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise _RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{request.path} takes {allowed}, not {request.method}",
                Allow=allowed,
            )  # fmt: skip
        return methods[request.method]

    def _list_faults(self, _: Request) -> _Answer:
        return HTTPStatus.OK, {"faults": [self._describe(fault) for fault in self._context.faults]}

    def _add_fault(self, request: Request) -> _Answer:
        fault = self._context.faults.add(_parse(FaultOrder, request).build())
        return HTTPStatus.CREATED, self._describe(fault)

    def _clear_faults(self, _: Request) -> _Answer:
        self._context.faults.clear()
        return HTTPStatus.NO_CONTENT, None

    def _show_fault(self, request: Request) -> _Answer:
        return HTTPStatus.OK, self._describe(self._find_fault(request))

    def _cancel_fault(self, request: Request) -> _Answer:
        self._context.faults.clear(self._find_fault(request).id)
        return HTTPStatus.NO_CONTENT, None

    def _find_fault(self, request: Request) -> Fault:
        identifier = request.path.rstrip("/").rpartition("/")[2]
        fault = self._context.faults.find(identifier)
        if fault is None:
            standing = ", ".join(one.id for one in self._context.faults) or "none"
            raise _RefusedError(
                HTTPStatus.NOT_FOUND, f"there is no fault {identifier}; there are: {standing}"
            )
        return fault

    def _describe(self, fault: Fault) -> dict[str, Any]:
        members = [one.name for one in dataclasses.fields(fault) if not one.name.startswith("_")]
        shown = {name: getattr(fault, name) for name in members}
        return shown | {"since": _tell(fault.since), "over": fault.is_over(self._context.clock.now())}

    def _read_clock(self, _: Request) -> _Answer:
        clock = self._context.clock
        with clock.lock:
            return HTTPStatus.OK, {"now": _tell(clock.now()), "rate": clock.rate, "timers": clock.pending}

    def _set_clock(self, request: Request) -> _Answer:
        order, clock = _parse(ClockOrder, request), self._context.clock
        if order.rate is not None:
            clock.set_rate(order.rate)
        if order.step_seconds is not None:
            try:
                clock.step(order.step_seconds)
            except ValueError as error:
                raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{request.path}: {error}") from error
        return self._read_clock(request)

    def _read_state(self, request: Request) -> _Answer:
        settings, context = self._context.settings, self._context
        in_force = {
            "delays": dataclasses.asdict(settings.delays),
            "clock_rate": settings.clock_rate,
            "stop_grace_seconds": settings.stop_grace_seconds,
            "step_memory_bytes": settings.step_memory_bytes,
            "scratch_dir": str(settings.scratch_dir),
            "state_file": settings.state_file and str(settings.state_file),
            "endpoint_url": context.storage.endpoint_url if context.storage.is_reachable else None,
            "region": settings.region,
            "account_id": settings.account_id,
        }
        _, clock = self._read_clock(request)
        faults = sum(not fault.is_over(context.clock.now()) for fault in context.faults)
        return HTTPStatus.OK, {
            "settings": in_force,
            "clock": clock,
            "records": context.store.count(),
            "faults": faults,
        }


def _parse(model: type[Order], request: Request) -> Order:
    """Read a body; what is wrong with it is said member by member."""
    try:
        return model.model_validate_json(request.body or b"{}")
    except ValidationError as error:
        problems = "; ".join(_word(problem) for problem in error.errors(include_url=False))
        members = ", ".join(model.model_fields)
        raise _RefusedError(
            HTTPStatus.BAD_REQUEST, f"{request.path}: {problems}. It takes: {members}"
        ) from None


def _word(problem: Mapping[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _tell(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

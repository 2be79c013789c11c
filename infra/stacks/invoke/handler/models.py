"""What all other answers look like, as the document tells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .upload_models import ULID_EXAMPLE, Time, example

RunStateName = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED"]


class InvocationAccepted(BaseModel):
    """A run that was asked for."""

    model_config = example(
        run_id="0f" * 16, state="PENDING", pipeline="flights", url="/runs/0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
    )

    run_id: str
    state: Literal["PENDING"] = "PENDING"
    pipeline: str
    url: str


class RunFiles(BaseModel):
    """How many files of a run ended how."""

    model_config = ConfigDict(defer_build=True)

    succeeded: int
    failed: int
    quarantined: int


class RunBatch(BaseModel):
    """One batch of a run."""

    model_config = ConfigDict(defer_build=True)

    batch_id: str
    state: str
    run_id: str | None
    job_flow_id: str | None
    step_id: str | None
    files: int


class Run(BaseModel):
    """How a run stands."""

    model_config = ConfigDict(defer_build=True)

    run_id: str
    pipeline: str
    input: str
    arguments: list[str]
    caller: str
    state: RunStateName
    reason: str | None
    files: RunFiles
    batches: list[RunBatch]
    created_at: Time
    updated_at: Time | None


class PipelineView(BaseModel):
    """A pipeline that the caller may know of."""

    model_config = ConfigDict(defer_build=True)

    name: str
    description: str
    patterns: list[str]
    format: str
    max_bytes: Annotated[int, Field(description="the most bytes of one file")]
    may_upload: bool
    may_view: bool


class Limits(BaseModel):
    """How far a caller may go."""

    model_config = ConfigDict(defer_build=True)

    single_put_bytes: int
    daily_uploads: int
    daily_bytes: int
    link_seconds: int


class Pipelines(BaseModel):
    """The pipelines that the caller may know of."""

    model_config = ConfigDict(defer_build=True)

    pipelines: list[PipelineView]
    limits: Limits


class Health(BaseModel):
    """That the function answers; nothing behind it is asked."""

    model_config = example(status="ok", version="1.0.0")

    status: Literal["ok"] = "ok"
    version: str


class ProblemField(BaseModel):
    """A field that is wrong."""

    model_config = ConfigDict(defer_build=True)

    pointer: Annotated[str | None, Field(description="a JSON pointer (RFC 6901)")] = None
    detail: str


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = example(
        type="urn:sparkdrop:problem:unknown-upload",
        title="There is no such upload",
        status=404,
        detail=f"there is no upload '{ULID_EXAMPLE}'",
        request_id="f6ccf3d2-9c9f-4a4e-8f9d-7b1c5f0a2f10",
    )

    type: Annotated[str, Field(description="its kind; never changes")]
    title: str
    status: int
    detail: str
    request_id: Annotated[str, Field(description="finds the request in the log")]
    errors: list[ProblemField] | None = None
    parts: Annotated[list[int] | None, Field(description="the first of the parts that are missing")] = None

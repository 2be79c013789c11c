"""What the demo measured: rows against the data's own count, and times from the upload on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sparkdrop.client.following import Followed

StepStarts = dict[tuple[str, str], "datetime"]
"""When each step began to run, by job flow and step."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was read back from a pipeline's Parquet.

    Attributes:
        rows: rows in all of its files.
        uri: the file of the first rows.
        first_rows: those.
    """

    rows: int
    uri: str | None = None
    first_rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineFigures:
    """One pipeline's part; times in seconds from its first landed upload.

    Attributes:
        rows_expected: rows of the data itself.
        rows_in: rows that Spark read.
        rows_out: rows that it wrote.
        rows_rejected: rows that did not fit.
        rows_read_back: rows that the Parquet files hold.
        batches: Spark steps that it took.
        step_seconds: to its first step running; None where none ran.
        result_seconds: to its last result; None where there is none.
    """

    files: int
    bytes: int
    rows_expected: int
    rows_in: int
    rows_out: int
    rows_rejected: int
    rows_read_back: int
    batches: int
    step_seconds: float | None
    result_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of the demo's parts, each by itself, as the person before the screen has them.

    Attributes:
        ready: the system's start; 0 where it was up.
        upload: the sending of all files.
        total: from the command to the last result.
    """

    ready: float
    upload: float
    total: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole; `problems` is empty where everything is as it should be."""

    pipelines: dict[str, PipelineFigures]
    times: Times
    step_seconds: float | None
    result_seconds: float | None
    samples: dict[str, Sample]
    problems: list[str]

    def to_record(self) -> dict[str, Any]:
        """The figures as JSON has them: totals of all pipelines first."""
        names = ("rows_expected", "rows_in", "rows_out", "rows_rejected", "rows_read_back", "files", "bytes")
        totals = {name: sum(getattr(one, name) for one in self.pipelines.values()) for name in names}
        return {
            "succeeded": not self.problems,
            "problems": self.problems,
            **totals,
            "ready_seconds": self.times.ready,
            "upload_seconds": self.times.upload,
            "step_seconds": self.step_seconds,
            "result_seconds": self.result_seconds,
            "total_seconds": self.times.total,
            "pipelines": {name: asdict(one) for name, one in self.pipelines.items()},
            "first_rows": {name: sample.first_rows for name, sample in self.samples.items()},
        }


def compute_figures(
    uploads: Sequence[Followed],
    *,
    rows_expected: Mapping[str, int],
    step_starts: StepStarts,
    samples: dict[str, Sample],
    times: Times,
) -> Figures:
    """Add up what the ledger, EMR and the Parquet tell, and name all that does not agree."""
    pipelines = {
        name: _compute_pipeline(
            [upload for upload in uploads if upload.pipeline == name],
            rows,
            step_starts,
            samples.get(name, Sample(0)),
        )
        for name, rows in rows_expected.items()
    }
    return Figures(
        pipelines=pipelines,
        times=times,
        step_seconds=_seconds_to_step(uploads, step_starts),
        result_seconds=_seconds_to_result(uploads),
        samples=samples,
        problems=[*_describe_uploads(uploads), *_describe_rows(pipelines)],
    )


def _compute_pipeline(
    uploads: Sequence[Followed], rows_expected: int, step_starts: StepStarts, sample: Sample
) -> PipelineFigures:
    return PipelineFigures(
        files=len(uploads),
        bytes=sum(upload.view.get("size") or 0 for upload in uploads),
        rows_expected=rows_expected,
        rows_in=_add(uploads, "rows_in"),
        rows_out=_add(uploads, "rows_out"),
        rows_rejected=_add(uploads, "rows_rejected"),
        rows_read_back=sample.rows,
        batches=len({upload.view["batch_id"] for upload in uploads if upload.view.get("batch_id")}),
        step_seconds=_seconds_to_step(uploads, step_starts),
        result_seconds=_seconds_to_result(uploads),
    )


def _add(uploads: Iterable[Followed], name: str) -> int:
    return sum(upload.view.get(name) or 0 for upload in uploads)


def find_steps(uploads: Iterable[Followed]) -> set[tuple[str, str]]:
    """The steps that worked on these uploads, each with its job flow."""
    return {
        (upload.view["job_flow_id"], upload.view["step_id"])
        for upload in uploads
        if upload.view.get("step_id")
    }


def _seconds_to_step(uploads: Sequence[Followed], step_starts: StepStarts) -> float | None:
    starts = [step_starts[step] for step in find_steps(uploads) if step in step_starts]
    return _seconds(uploads, min(starts)) if starts else None


def _seconds_to_result(uploads: Sequence[Followed]) -> float | None:
    from datetime import datetime

    ends = [datetime.fromisoformat(upload.view["updated_at"]) for upload in uploads if upload.succeeded]
    return _seconds(uploads, max(ends)) if ends else None


def _seconds(uploads: Sequence[Followed], until: datetime) -> float:
    landed = min(upload.landed_at for upload in uploads if upload.landed_at is not None)
    return round((until - landed).total_seconds(), 2)


def _describe_uploads(uploads: Iterable[Followed]) -> list[str]:
    return [
        f"{upload.name}: {upload.state}: {upload.reason}"
        if upload.ended
        else f"{upload.name}: still {upload.state or 'unknown to the API'} when the time was up"
        for upload in uploads
        if not upload.succeeded
    ]


def _describe_rows(pipelines: Mapping[str, PipelineFigures]) -> list[str]:
    return [
        f"{name}: {getattr(one, field):,} {word}, {wanted:,} expected"
        for name, one in pipelines.items()
        for field, word, wanted in (
            ("rows_in", "rows in", one.rows_expected),
            ("rows_out", "rows out", one.rows_expected),
            ("rows_rejected", "rows rejected", 0),
            ("rows_read_back", "rows read back from the Parquet", one.rows_expected),
        )
        if getattr(one, field) != wanted
    ]

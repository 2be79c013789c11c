"""What a Spark job leaves beside its manifest: its report, or why it failed."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sparkdrop.core.uploads import UploadState


class _Counts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    rows_in: int = Field(ge=0)
    rows_out: int = Field(ge=0)
    rows_rejected: int = Field(ge=0)

    @model_validator(mode="after")
    def _every_row_is_somewhere(self) -> Self:
        if self.rows_in != self.rows_out + self.rows_rejected:
            raise ValueError(
                f"{self.rows_in} rows in, but {self.rows_out} out and {self.rows_rejected} rejected: "
                "the job lost rows or counted them twice"
            )
        return self


class FileReport(_Counts):
    """One file of the batch.

    Attributes:
        upload_id: the upload's id in the ledger.
        key: the object's key.
        state: what became of it.
        reason: why it was not taken, or what else there is to know.
        missing_columns: columns that the batch has and the file has not.
        extra_columns: columns that the file has and its pipeline does not ask for.
    """

    upload_id: str
    key: str
    state: Literal[UploadState.SUCCEEDED, UploadState.QUARANTINED]
    reason: str | None = None
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()


class FailureReport(BaseModel):
    """Why a job failed, in its own words.

    Attributes:
        reason: one sentence.
        fault: what is to blame: what the files hold, a store that did not let the job work, or what the
            pipeline asks for; None where the job does not know.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1]
    reason: str = Field(min_length=1)
    fault: Literal["files", "store", "configuration"] | None = None


class BatchReport(_Counts):
    """The whole batch: rows in are rows out plus rows rejected, in total and in each file.

    Attributes:
        output: the URI of the output's folder; None where nothing was written.
        schema_: the output's columns as DDL, where the program says them.
        bytes_in: the size of what was read.
        seconds: the job's run time.
        files: a report for each file of the manifest.
    """

    version: Literal[1]
    batch_id: str
    output: str | None
    schema_: str | None = Field(alias="schema", default=None)
    bytes_in: int = Field(ge=0)
    seconds: float = Field(ge=0)
    files: tuple[FileReport, ...]

    @model_validator(mode="after")
    def _files_add_up(self) -> Self:
        for name in ("rows_in", "rows_out", "rows_rejected"):
            total = sum(getattr(file, name) for file in self.files)
            if total != getattr(self, name):
                raise ValueError(f"{name} is {getattr(self, name)}, but the files' add up to {total}")
        return self

"""`claim_batch`: which uploads this run processes."""

from collections.abc import Iterable, Iterator
from typing import Any, TypedDict

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped

from sparkdrop.aws.claims import Claim, claim_batch
from sparkdrop.aws.intake import select_again
from sparkdrop.aws.invocation_claims import InvocationSource
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.records import RunKey
from sparkdrop.aws.same_content import ContentCheck
from sparkdrop.aws.storage import Storage, split_uri
from sparkdrop.core.batch import BatchLimits, InboxEntry, make_batch_id
from sparkdrop.core.emr_request import locate_batch
from sparkdrop.core.manifest import ManifestFile, build_manifest
from sparkdrop.core.patterns import is_hidden
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.core.uploads import Arrival
from sparkdrop.orchestration.arrival_sensor import is_chosen_by_hand
from sparkdrop.orchestration.assets import WAKE_ALIAS, build_inbox_asset
from sparkdrop.orchestration.routes import Routes
from sparkdrop.orchestration.services import Services, get_services


class ClaimedBatch(TypedDict):
    """What `claim_batch` tells the tasks after it.

    Attributes:
        batch_id: the batch.
        manifest_uri: where the batch's manifest is.
        files: how many uploads it holds.
        bytes: their size together.
        claim: 1, or one more for each time that the claim was run again: part of the step's name, so that a
            cleared run is a new step and a retried task is not.
    """

    batch_id: str
    manifest_uri: str
    files: int
    bytes: int
    claim: int


class ClaimBatchOperator(BaseOperator):
    """Claims what waits for a pipeline, or what the run's form names, and writes the manifest for Spark.

    Nothing to do ends the run as skipped. Where more is waiting than one batch may hold, the pipeline is
    woken again at once; where all of a claim is at its end already, too, and then only the tasks after it are
    skipped.

    Args:
        pipeline: whose inbox it is.
    """

    def __init__(self, *, pipeline: Pipeline, **kwargs: Any) -> None:
        super().__init__(outlets=[WAKE_ALIAS], **kwargs)
        self.pipeline = pipeline

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> ClaimedBatch:  # noqa: ARG002 - what the trigger of a wait sends
        """Claim, and say what was claimed."""
        services = get_services()
        invoked_only = self._takes_invoked_only(services.ledger, context)
        claim = self._claim(services, context, invoked_only=invoked_only)
        if claim.wait_until is not None:
            self.log.info("Waiting for more files until %s", claim.wait_until)
            self.defer(trigger=DateTimeTrigger(claim.wait_until), method_name="execute")
        if self.pipeline.arrival.mode == "none" and not invoked_only:
            # before the wake-up: the run that it starts shall know
            services.ledger.note_rest(self.pipeline.name, is_left=claim.more)
        if claim.more:
            context["outlet_events"][WAKE_ALIAS].add(build_inbox_asset(self.pipeline.name))
            if claim.head is None:
                self.log.info("Nothing of this claim is left to process, and more is waiting")
                # a skipped task would send no wake-up: this one succeeds, and those after it are skipped
                raise DownstreamTasksSkipped(tasks=sorted(self.downstream_task_ids))
        if claim.head is None:
            raise AirflowSkipException(f"nothing is waiting for {self.pipeline.name}")
        return self._write_manifest(services, context, claim)

    def _claim(self, services: Services, context: Context, *, invoked_only: bool) -> Claim:
        dag_run = context["dag_run"]
        run = RunKey(
            batch_id=make_batch_id(dag_run.dag_id, dag_run.run_id, dag_run.run_after),
            pipeline=self.pipeline.name,
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
        )
        batch = self.pipeline.batch
        limits = BatchLimits(batch.max_files, batch.max_bytes, batch.max_wait)
        skips = self.pipeline.arrival.same_content == "skip"
        if not is_chosen_by_hand(context):
            return claim_batch(
                services.ledger,
                run,
                limits,
                invocations=InvocationSource(services.storage, Routes(services.deployment).route),
                invoked_only=invoked_only,
                contents=ContentCheck(services.ledger, services.storage, run.pipeline) if skips else None,
            )
        keys, prefix = context["params"].get("keys") or [], context["params"].get("prefix")
        return claim_batch(services.ledger, run, limits, choose=lambda: self._choose(services, keys, prefix))

    def _takes_invoked_only(self, ledger: Ledger, context: Context) -> bool:
        """Whether files that merely landed are left to the schedule that shall take them.

        An invocation wakes a pipeline of `mode: none`, too. A run that takes all, and leaves some for lack of
        room, notes it in the ledger, and the next one goes on with it.
        """
        if self.pipeline.arrival.mode != "none" or context["dag_run"].run_type != "asset_triggered":
            return False
        return not ledger.owes_rest(self.pipeline.name)

    def _choose(self, services: Services, keys: Iterable[str], prefix: str | None) -> list[InboxEntry]:
        """Find the objects that the run's form names."""
        default = self.pipeline.arrival.bucket or services.deployment.uploads_bucket
        found = list(_find_objects(services.storage, keys, prefix, default, self.pipeline.arrival.hidden))
        selection = select_again(services.ledger, found)
        for entry in selection.busy:
            self.log.warning(
                "s3://%s/%s is in a batch that runs now", entry.arrival.bucket, entry.arrival.key
            )
        self.log.info("%s objects chosen by hand", len(selection.entries))
        return list(selection.entries)

    def _write_manifest(self, services: Services, context: Context, claim: Claim) -> ClaimedBatch:
        if claim.head is None:
            raise ValueError("a claim of nothing has no manifest")
        batch_id = claim.head.batch_id
        uri = locate_batch(self.pipeline, services.deployment, batch_id).manifest
        files = map(_build_manifest_file, claim.entries)
        region = services.storage.region
        manifest = build_manifest(self.pipeline, services.deployment, batch_id, files, region=region)
        services.storage.write_manifest(uri, manifest)
        size = sum(entry.arrival.bytes for entry in claim.entries)
        self.log.info("Claimed %s files, %s bytes, as batch %s", len(claim.entries), size, batch_id)
        return {
            "batch_id": batch_id,
            "manifest_uri": uri,
            "files": len(claim.entries),
            "bytes": size,
            "claim": context["ti"].try_number,
        }


def _build_manifest_file(entry: InboxEntry) -> ManifestFile:
    arrival = entry.arrival
    return ManifestFile(
        upload_id=entry.upload_id,
        bucket=arrival.bucket,
        key=arrival.key,
        version_id=arrival.version_id,
        etag=arrival.etag,
        bytes=arrival.bytes,
    )


def _find_objects(
    storage: Storage, keys: Iterable[str], prefix: str | None, default_bucket: str, hidden: str
) -> Iterator[Arrival]:
    missing: list[str] = []
    for key in keys:
        bucket, name = _split(key, default_bucket)
        arrival = storage.read_arrival(bucket, name)
        if arrival is None:
            missing.append(f"s3://{bucket}/{name}")
        else:
            yield arrival
    if missing:
        raise AirflowFailException(f"there is no such object: {', '.join(missing)}; check the form's keys")
    if prefix:
        bucket, name = _split(prefix, default_bucket)
        for arrival in storage.list_arrivals(bucket, name):
            if hidden == "take" or not is_hidden(arrival.key, name):
                yield arrival


def _split(place: str, default_bucket: str) -> tuple[str, str]:
    return split_uri(place) if place.startswith("s3://") else (default_bucket, place)

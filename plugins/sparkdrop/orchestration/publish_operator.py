"""`publish`: what became of the batch, told to the ledger and to whoever follows."""

from typing import Any

from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sparkdrop.aws.settlement import Settlement
from sparkdrop.core.batch import make_batch_id
from sparkdrop.core.pipeline import Pipeline
from sparkdrop.orchestration.services import get_services


class PublishOperator(BaseOperator):
    """Checks the job's report, settles every upload of the batch, and emits the output's asset.

    It runs after a failure too: then it finds the reason, and the run fails with it. A batch that wrote
    nothing (all of its files are quarantined) ends it as skipped: its uploads are settled.

    Args:
        pipeline: whose batch it is.
        output_asset: emitted when the batch wrote something.
    """

    def __init__(self, *, pipeline: Pipeline, output_asset: Asset, **kwargs: Any) -> None:
        super().__init__(outlets=[output_asset], **kwargs)
        self.pipeline = pipeline
        self.output_asset = output_asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Settle the batch; the answer is where its result is, and how many rows and files."""
        dag_run = context["dag_run"]
        batch_id = make_batch_id(dag_run.dag_id, dag_run.run_id, dag_run.run_after)
        services = get_services()
        head = services.ledger.read_batch(batch_id)
        if head is None:
            raise AirflowFailException("claim_batch failed before it claimed anything: its log says why")
        settlement = services.settler.settle(self.pipeline, head, services.emr)
        if settlement.reason is not None:
            raise AirflowFailException(f"batch {batch_id} failed: {settlement.reason}")
        result = {"batch_id": batch_id, **_build_result(settlement)}
        if settlement.output is None:
            # a skipped task emits no asset event, and whoever follows the asset finds what its events name
            context["ti"].xcom_push("return_value", result)
            raise AirflowSkipException(
                f"nothing was written, so {self.output_asset.name} is not emitted: {result}"
            )
        context["outlet_events"][self.output_asset].extra = result
        self.log.info("Published %s", result)
        return result


def _build_result(settlement: Settlement) -> dict[str, Any]:
    files = {f"files_{state.lower()}": count for state, count in settlement.states.items()}
    report = settlement.report
    rows = report.model_dump(include={"rows_in", "rows_out", "rows_rejected"}) if report else {}
    return {"output": settlement.output, **rows, **files}

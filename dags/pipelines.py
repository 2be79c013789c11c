"""Airflow DAGs, one for each pipeline file in include/emr_configs/.

A bad file has no DAG; dags/config_errors.py shows what is wrong with it. A task's process builds only the
pipeline that it belongs to.
"""

from airflow.sdk import get_parsing_context

from sparkdrop.orchestration.dag_factory import build_dags
from sparkdrop.orchestration.routes import load_pipelines
from sparkdrop.orchestration.services import get_deployment

deployment = get_deployment()
wanted = get_parsing_context().dag_id

for name, pipeline in load_pipelines(deployment).pipelines.items():
    if wanted is None or wanted.partition(".")[0] == name:
        globals().update({dag.dag_id: dag for dag in build_dags(pipeline, deployment)})

"""The Airflow DAGs `maintenance` and `reconcile`."""

from sparkdrop.orchestration.maintenance import build_maintenance_dags
from sparkdrop.orchestration.services import get_deployment

maintenance, reconcile = build_maintenance_dags(get_deployment())

"""What Airflow sees: the DAGs' factory, operators, sensors and triggers."""

"""On the path of the laptop's Airflow, which looks for `airflow_local_settings` there."""

"""What can be said without AWS and without Airflow: models, events, planning, requests. No I/O."""

"""Sparkdrop on one machine: AWS as far as it is needed, an EMR that runs Spark, and a trimmed Airflow."""

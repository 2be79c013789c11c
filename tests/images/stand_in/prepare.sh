#!/bin/sh
# Runs in a new Debian: the users of both base images, and Airflow's virtual environment with uv, where
# Airflow's own image has them (https://github.com/apache/airflow/blob/main/Dockerfile).
set -eu
rm /usr/lib/python3.11/EXTERNALLY-MANAGED
useradd --create-home hadoop
useradd --uid 50000 --gid 0 --create-home airflow
mkdir -p /opt/airflow/dags /opt/airflow/logs
chown -R airflow:0 /opt/airflow
python3 -m venv --without-pip /home/airflow/.local
mv /uv /home/airflow/.local/bin/uv
chown -R airflow:0 /home/airflow
rm -rf /var/cache/apt /var/lib/apt/lists /usr/share/doc /usr/share/locale /usr/share/man

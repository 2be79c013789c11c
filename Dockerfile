# The Airflow that runs this project. The base is Airflow's own image of the version that requirements.txt names;
# pass another one with the same Python and Airflow's user: --build-arg BASE_IMAGE=…
ARG BASE_IMAGE=docker.io/apache/airflow:slim-3.3.2-python3.12
FROM ${BASE_IMAGE}

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    # from a batch's upload to its Spark step in seconds: see "Deploy" in the README
    AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME=0.1 \
    AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 \
    PYTHONPATH=/opt/airflow/plugins \
    SPARKDROP_CONFIG_DIR=/opt/airflow/include/emr_configs \
    SPARKDROP_JOBS_DIR=/opt/airflow/include/spark_jobs

COPY requirements.txt /opt/airflow/requirements.txt
RUN python3 -m pip install --no-cache-dir --require-hashes --requirement /opt/airflow/requirements.txt

COPY dags /opt/airflow/dags
COPY plugins /opt/airflow/plugins
COPY include /opt/airflow/include

# Airflow's user in its own image, which other bases may lack: a number needs no entry in /etc/passwd
USER 50000:0

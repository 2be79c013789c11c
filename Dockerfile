# The Airflow that runs this project. The base is Airflow's own image of the version that requirements.txt names;
# pass another one with the same Python, Airflow's user and uv: --build-arg BASE_IMAGE=…
ARG BASE_IMAGE=docker.io/apache/airflow:slim-3.3.2-python3.12
FROM ${BASE_IMAGE}

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    # from a batch's upload to its Spark step in seconds: see "Deploy" in the README
    AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME=0.1 \
    AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL=1 \
    # what a killed scheduler or worker held is taken up again within a minute or two, not five or ten
    AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL=20 \
    AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT=60 \
    # the package, and the airflow_local_settings: what forks need is imported before them
    PYTHONPATH=/opt/airflow/plugins:/opt/airflow/include/airflow_config \
    SPARKDROP_CONFIG_DIR=/opt/airflow/include/emr_configs \
    SPARKDROP_JOBS_DIR=/opt/airflow/include/spark_jobs

# uv is in Airflow's image, and installs where Airflow is: https://airflow.apache.org/docs/docker-stack/build.html
COPY requirements.txt /opt/airflow/requirements.txt
RUN uv pip install --no-cache --compile-bytecode --require-hashes --requirement /opt/airflow/requirements.txt

COPY dags /opt/airflow/dags
COPY plugins /opt/airflow/plugins
COPY include /opt/airflow/include

# Airflow's user in its own image, which other bases may lack: a number needs no entry in /etc/passwd
USER 50000:0

# One image for all of Airflow's processes: an API server answers, the others have a job whose heart beats.
# https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/check-health.html
HEALTHCHECK --interval=60s --timeout=30s --start-period=120s --retries=3 CMD \
    python3 -c "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('AIRFLOW__API__PORT', '8080') + '/api/v2/monitor/health', timeout=5)" 2>/dev/null \
    || airflow jobs check --local --allow-multiple --limit 0

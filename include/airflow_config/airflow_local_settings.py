"""What Airflow does at its start; it imports this module by its name, from its configuration folder.

https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html#configuring-local-settings
"""

from sparkdrop.orchestration.preload import preload

preload()

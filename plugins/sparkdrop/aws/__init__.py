"""What speaks to AWS through boto3: the ledger, the queue, storage and EMR. It knows no Airflow."""

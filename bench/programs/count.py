"""A small PySpark program: a session, one job, and its end."""

from pyspark.sql import SparkSession

ROWS = 1_000
spark = SparkSession.builder.appName("count").getOrCreate()
if spark.range(ROWS).count() != ROWS:
    raise SystemExit("Spark cannot count")
spark.stop()

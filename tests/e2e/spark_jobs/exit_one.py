"""A Spark program that fails: it looks at its manifest and gives up."""

import sys

from pyspark.sql import SparkSession

SparkSession.builder.getOrCreate()
sys.exit("the ledger of the moon is closed on Mondays")

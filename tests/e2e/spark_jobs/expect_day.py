"""A Spark program that wants to be told a day, and writes nothing."""

import argparse

from pyspark.sql import SparkSession

parser = argparse.ArgumentParser()
parser.add_argument("--manifest", required=True)
parser.add_argument("--strict", action="store_true", required=True)
parser.add_argument("--day", required=True)
parser.parse_args()
SparkSession.builder.getOrCreate().stop()

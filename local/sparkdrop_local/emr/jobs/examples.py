"""Spark's examples by the names of their Scala and Java classes. Pure."""

import re

_EXAMPLES = "org.apache.spark.examples."
EXAMPLES_FOLDER = "/usr/lib/spark/examples/src/main/python"
# Examples whose Python program does not bear the class's name.
_EXAMPLE_PROGRAMS = {
    "WordCount": "wordcount",
    "SparkALS": "als",
    "SparkKMeans": "kmeans",
    "SparkLR": "logistic_regression",
    "SparkHdfsLR": "logistic_regression",
    "SparkPageRank": "pagerank",
    "PageRank": "pagerank",
    "SparkPi": "pi",
    "SparkTC": "transitive_closure",
    "TC": "transitive_closure",
    "StatusTrackerDemo": "status_api_demo",
    "sql.SparkSQLExample": "sql/basic",
    "sql.SQLDataSourceExample": "sql/datasource",
    "sql.hive.SparkHiveExample": "sql/hive",
    "streaming.NetworkWordCount": "streaming/network_wordcount",
    "streaming.RecoverableNetworkWordCount": "streaming/recoverable_network_wordcount",
    "streaming.SqlNetworkWordCount": "streaming/sql_network_wordcount",
}


def example_program(class_name: str) -> str:
    """Name the Python program that does what one of Spark's Scala or Java examples does.

    PySpark comes without the examples' jar, and with the same examples in Python; whether this one is among
    them is seen when it is to run.
    """
    name = class_name.removeprefix(_EXAMPLES)
    *folders, last = name.split(".")
    last = last.removeprefix("Java")
    name = ".".join((*folders, last))
    if name not in _EXAMPLE_PROGRAMS:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last).lower()
        return f"{EXAMPLES_FOLDER}/{'/'.join((*folders, snake))}.py"
    return f"{EXAMPLES_FOLDER}/{_EXAMPLE_PROGRAMS[name]}.py"

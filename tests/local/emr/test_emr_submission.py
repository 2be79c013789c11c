"""What spark-submit is asked for, what a cluster's Configurations add, and what a job gets: pure parts."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop_local.emr.jobs.commands import CommandError, SparkSubmission, parse_command, parse_submission
from sparkdrop_local.emr.jobs.configurations import (
    clean_environment,
    parse_properties,
    read_configurations,
)
from sparkdrop_local.emr.jobs.examples import EXAMPLES_FOLDER, example_program
from sparkdrop_local.emr.jobs.resources import bound_runtime, parse_memory
from sparkdrop_local.emr.jobs.submission import Resources, is_local_conf
from sparkdrop_local.java import Jdk
from sparkdrop_local.spark import SparkRuntime

words = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=12)
MIB = 2**20


def test_a_submission_keeps_what_is_the_programs_and_parts_what_is_the_clusters():
    arguments = [
        "spark-submit", "--master", "yarn", "--deploy-mode=cluster",
        "--conf", "spark.executor.instances=40",
        "-c", "spark.sql.shuffle.partitions=8", "--conf", "spark.yarn.maxAppAttempts=1",
        "--num-executors", "9",
        "--driver-memory", "64g", "--name", "flights", "--py-files", "s3://code/a.zip,s3://code/b.py",
        "--verbose", "--conf", "spark.yarn.dist.archives=s3://code/env.tar.gz#env",
        "--conf", "spark.yarn.appMasterEnv.STAGE=prod", "--properties-file", "s3://code/x.conf",
        "--conf", "spark.driver.extraJavaOptions=-Xmx64g -Dx='a b'", "--driver-class-path", "/x:/y",
        "s3://code/p.py", "--manifest", "s3://m", "--conf", "mine",
    ]  # fmt: skip
    assert parse_command({"Jar": "command-runner.jar", "Args": arguments}) == SparkSubmission(
        program="s3://code/p.py",
        arguments=("--manifest", "s3://m", "--conf", "mine"),
        options=(("--name", "flights"),),
        conf={"spark.sql.shuffle.partitions": "8"},
        files={
            "--py-files": ("s3://code/a.zip", "s3://code/b.py"),
            "--archives": ("s3://code/env.tar.gz#env",),
        },
        java_options=("-Dx=a b",),
        class_path=("/x", "/y"),
        deploy_mode="cluster",
        resources=Resources(driver_memory="64g", executors=9),
        environment={"STAGE": "prod"},
        properties_file="s3://code/x.conf",
    )


@given(st.lists(words))
def test_whatever_follows_the_program_is_the_programs(arguments):
    submission = parse_submission(["--deploy-mode", "cluster", "p.py", *arguments])
    assert (submission.program, submission.arguments) == ("p.py", tuple(arguments))


@given(st.dictionaries(words.map(lambda word: f"spark.sql.{word.replace('=', '')}"), words))
def test_settings_of_spark_sql_come_through_as_they_are(conf):
    arguments = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    assert parse_submission([*arguments, "p.py"]).conf == conf


@pytest.mark.parametrize(
    "key",
    [
        "spark.master",
        "spark.executor.memory",
        "spark.driver.host",
        "spark.local.dir",
        "spark.hadoop.fs.s3a.endpoint",
        "spark.eventLog.dir",
    ],
)
def test_no_setting_moves_a_run_off_this_machine(key):
    assert not is_local_conf(key)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--master", "k8s://https://x"], "--master k8s://https://x is not here: the local EMR takes yarn"),
        (["--master", "yarn-cluster"], "Master must either be yarn or start with spark, k8s, or local"),
        (["--deploy-mode", "both"], "Deploy mode must be either client or cluster"),
        (["--master", "local[2]", "--deploy-mode", "cluster"], "Cluster deploy mode is not compatible"),
        (["--remote", "sc://x"], "no Spark Connect server here"),
        (["--executor-cores", "many"], "spark.executor.cores=many is no number"),
        (["--driver-memory", "lots"], "spark.driver.memory=lots is no size"),
        (["--conf", "x"], "--conf x is not key=value"),
        (["--driver-java-options", "'"], "No closing quotation"),
    ],
)
def test_what_spark_submit_would_not_take_or_is_not_here_is_refused_in_words(arguments, message):
    with pytest.raises(CommandError) as caught:
        parse_submission([*arguments, "p.py"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("SparkPi", "pi.py"),
        ("org.apache.spark.examples.SparkPi", "pi.py"),
        ("org.apache.spark.examples.JavaSparkPi", "pi.py"),
        ("org.apache.spark.examples.JavaWordCount", "wordcount.py"),
        ("org.apache.spark.examples.SparkPageRank", "pagerank.py"),
        ("org.apache.spark.examples.sql.SparkSQLExample", "sql/basic.py"),
        ("org.apache.spark.examples.sql.JavaSQLDataSourceExample", "sql/datasource.py"),
        ("org.apache.spark.examples.ml.JavaALSExample", "ml/als_example.py"),
        ("org.apache.spark.examples.mllib.PCAOnRowMatrixExample", "mllib/pca_on_row_matrix_example.py"),
        ("NoSuchThing", "no_such_thing.py"),
    ],
)
def test_an_example_has_its_python_program(name, program):
    assert example_program(name) == f"{EXAMPLES_FOLDER}/{program}"


def test_the_examples_jar_is_the_examples_programs():
    jar = "local:///usr/lib/spark/examples/jars/spark-examples.jar"
    submission = parse_submission(["--class", "org.apache.spark.examples.SparkPi", jar, "3"])
    assert submission == SparkSubmission(program=f"{EXAMPLES_FOLDER}/pi.py", arguments=("3",))


def test_defaults_count_where_the_submission_says_nothing():
    submission = parse_submission(["--conf", "spark.a=mine", "--executor-cores", "1", "p.py"])
    asked = submission.with_defaults({
        "spark.a": "theirs", "spark.b": "theirs", "spark.executor.cores": "4", "spark.executor.memory": "3g",
        "spark.submit.deployMode": "cluster", "spark.driver.extraJavaOptions": "-Da=b", "spark.jars": "x.jar",
    })  # fmt: skip
    assert asked.conf == {"spark.a": "mine", "spark.b": "theirs"}
    assert asked.resources == Resources(executor_cores=1, executor_memory="3g")
    assert (asked.deploy_mode, asked.java_options, asked.files) == (
        "cluster",
        ("-Da=b",),
        {"--jars": ("x.jar",)},
    )
    assert (asked.program, submission.deploy_mode) == ("p.py", None)


@pytest.fixture(scope="module")
def runtime():
    return SparkRuntime(
        jdk=Jdk(Path("/jdk"), "17"), home=Path("/spark"), jars_dir=Path("/jars"), cores=2, max_cores=4
    )


@pytest.mark.parametrize(
    ("resources", "cores", "memory"),
    [
        (Resources(), 2, "1g"),
        (Resources(driver_memory="512m"), 2, "512m"),
        (Resources(driver_memory="8g", executor_memory="512m"), 2, "2048m"),
        (Resources(executor_memory="1536m"), 2, "1536m"),
        (Resources(executor_cores=4), 2, "1g"),
        (Resources(executors=1, executor_cores=1), 1, "1g"),
        (Resources(executors=3, executor_cores=1), 3, "1g"),
        (Resources(executors=40, executor_cores=4), 4, "1g"),
        (Resources(threads=1), 1, "1g"),
        (Resources(threads=64), 4, "1g"),
    ],
)
def test_a_job_gets_what_it_asks_for_within_the_bounds(runtime, resources, cores, memory):
    bounded = bound_runtime(runtime, resources)
    assert (bounded.cores, bounded.driver_memory) == (cores, memory)


def test_a_cluster_may_give_a_job_all_there_is(runtime):
    bounded = bound_runtime(runtime, Resources(), takes_all=True)
    assert (bounded.cores, bounded.driver_memory) == (4, "2048m")


@given(
    st.integers(1, 2**20),
    st.sampled_from(["", "k", "m", "mb", "g", "t"]),
    st.integers(1, 99),
    st.integers(1, 99),
)
def test_no_job_gets_more_than_the_bounds(number, unit, executors, cores):
    runtime = SparkRuntime(jdk=Jdk(Path("/jdk"), "17"), home=Path("/spark"), jars_dir=Path("/jars"))
    resources = Resources(executor_memory=f"{number}{unit}", executors=executors, executor_cores=cores)
    bounded = bound_runtime(runtime, resources)
    assert parse_memory(bounded.driver_memory) <= parse_memory(runtime.max_memory)
    assert 1 <= bounded.cores <= runtime.max_cores


def test_memory_is_read_as_spark_writes_it():
    assert [parse_memory(text) for text in ("1g", "2m", "3", "4096k")] == [
        1024 * MIB,
        2 * MIB,
        3 * MIB,
        4 * MIB,
    ]
    with pytest.raises(ValueError, match="is no size"):
        parse_memory("x")


def test_configurations_are_read_as_far_as_spark_knows_them():
    export = {
        "Classification": "export",
        "Properties": {"STAGE": "dev", "JAVA_HOME": "/usr/lib/jvm/x", "PYSPARK_PYTHON": "/usr/bin/python3"},
    }
    read = read_configurations([
        {"Classification": "spark-defaults", "Properties": {"spark.a": "1", "spark.hadoop.y": "spark's"}},
        {"Classification": "spark-defaults", "Properties": {"spark.a": "2"}},
        {"Classification": "core-site", "Properties": {"x": "1", "y": "hadoop's"}},
        {"Classification": "spark-env", "Properties": {}, "Configurations": [export]},
        {"Classification": "spark-log4j2", "Properties": {"rootLogger.level": "warn"}},
        {"Classification": "spark", "Properties": {"maximizeResourceAllocation": "true"}},
        {"Classification": "yarn-site", "Properties": {"z": "1"}},
    ])  # fmt: skip
    assert read.spark == {"spark.a": "2", "spark.hadoop.x": "1", "spark.hadoop.y": "spark's"}
    assert read.environment == {"STAGE": "dev"}
    assert read.log4j2 == {"rootLogger.level": "warn"}
    assert read.takes_all
    assert not read_configurations([]).takes_all


def test_a_python_that_the_job_brings_along_is_its_python():
    brought = {"PYSPARK_PYTHON": "./env/bin/python"}
    assert clean_environment(brought | {"SPARK_HOME": "/usr/lib/spark"}) == brought


def test_a_properties_file_is_read_as_java_reads_it():
    text = (
        "# note\n! note\n\nspark.a  1 2\n spark.b=x=y\nspark.c : \\\n  went on \nspark\\ d=\\t\\u\nspark.e\n"
    )
    assert parse_properties(text) == {
        "spark.a": "1 2", "spark.b": "x=y", "spark.c": "went on", "spark d": "\tu", "spark.e": "",
    }  # fmt: skip


@given(st.dictionaries(words, words))
def test_what_is_written_as_properties_is_read_again(properties):
    def escape(text):
        return "".join(f"\\{character}" if character in "\\=:#! " else character for character in text)

    lines = [f"{escape(key)}={escape(value)}" for key, value in properties.items()]
    assert parse_properties("\n".join(lines)) == properties


def test_resources_are_filled_up():
    first, second = Resources(driver_memory="1g"), Resources(driver_memory="2g", executors=3)
    assert first.or_else(second) == replace(second, driver_memory="1g")

"""The local Spark's settings and cache. That it runs is shown by the EMR's own tests."""

from dataclasses import replace
from pathlib import Path

import pytest

from sparkdrop_local import spark, spark_conf, spark_jars
from sparkdrop_local.java import Jdk
from sparkdrop_local.spark_archive import archive_of


@pytest.fixture
def runtime(tmp_path):
    home, jars = tmp_path / "pyspark", tmp_path / "jars"
    (home / "jars").mkdir(parents=True)
    (home / "jars" / "spark-core_2.13-4.0.2.jar").touch()
    jars.mkdir()
    return spark.SparkRuntime(
        jdk=Jdk(Path("/jdk"), "17.0.15"), home=home, jars_dir=jars, launcher_flags=("--add-opens=x",)
    )


def test_a_run_reaches_the_endpoint_by_s3a_and_stays_on_the_loopback(runtime, tmp_path):
    conf = spark_conf.build_spark_conf(
        runtime, endpoint_url="http://127.0.0.1:5000", region="eu-west-1", scratch_dir=tmp_path
    )
    assert conf["spark.hadoop.fs.s3.impl"] == "org.apache.hadoop.fs.s3a.S3AFileSystem"
    assert conf["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:5000"
    assert conf["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"
    assert conf["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert conf["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert conf["spark.hadoop.fs.s3a.committer.name"] == "magic"
    assert conf["spark.driver.bindAddress"] == conf["spark.driver.host"] == "127.0.0.1"
    assert conf["spark.ui.enabled"] == "false"
    assert conf["spark.local.dir"].startswith(str(tmp_path))


def test_the_command_line_bounds_the_run(runtime):
    bounded = replace(runtime, cores=3, driver_memory="512m", archive=Path("/cache/x.jsa"))
    line = spark.build_spark_arguments(
        bounded, ["--name", "x", "p.py"], java_options=["-Da=b"], class_path=["/x"]
    )
    assert line[0] == "/jdk/bin/java"
    assert line[2] == f"{runtime.home}/jars/*:{runtime.jars_dir}/*:/x"
    flags = line[3 : line.index("org.apache.spark.deploy.SparkSubmit")]
    assert {"-Xmx512m", "--add-opens=x", "-XX:SharedArchiveFile=/cache/x.jsa", "-Da=b"} <= set(flags)
    assert line[-5:] == ["--master", "local[3]", "--name", "x", "p.py"]


def test_the_defaults_are_written_as_spark_reads_them(tmp_path):
    spark_conf.write_spark_conf(tmp_path / "conf", {"spark.a": "b c", "spark.path": "x\\y"})
    written = (tmp_path / "conf" / "spark-defaults.conf").read_text()
    assert written == "spark.a b c\nspark.path x\\\\y\n"


def test_the_environment_names_this_java_spark_and_python(runtime, tmp_path):
    environment = spark.build_spark_environment(runtime, conf_dir=tmp_path, stderr=tmp_path / "stderr")
    assert environment["JAVA_HOME"] == "/jdk"
    assert environment["SPARK_HOME"] == str(runtime.home)
    assert environment["SPARK_SCALA_VERSION"] == "2.13"
    assert environment["SPARKDROP_STEP_STDERR"] == str(tmp_path / "stderr")
    driver = Path(environment["PYSPARK_DRIVER_PYTHON"])
    assert driver.stat().st_mode & 0o100


def test_jars_that_are_not_there_are_named_with_the_command_that_fetches_them(tmp_path):
    with pytest.raises(spark_jars.JarsNotFoundError, match=r"python -m sparkdrop_local\.spark"):
        spark_jars.require_jars(tmp_path)


def test_fetched_jars_are_not_fetched_again(tmp_path):
    spark_jars.marker_of(tmp_path).touch()
    # a JDK that does not exist: any attempt to fetch would fail
    assert spark_jars.fetch_jars(tmp_path, Jdk(Path("/none"), "17"), tmp_path) is False
    assert spark_jars.require_jars(tmp_path) == spark_jars.jars_of(tmp_path)


def test_a_fetch_that_fails_says_why_and_leaves_nothing(tmp_path):
    home = tmp_path / "jdk"
    (home / "bin").mkdir(parents=True)
    java = home / "bin" / "java"
    java.write_text("#!/bin/sh\necho ':: org.apache.hadoop#hadoop-aws;3.4.1: not found'\necho bye\nexit 1\n")
    java.chmod(0o755)
    cache = tmp_path / "cache"
    with pytest.raises(spark_jars.JarsNotFoundError, match=r"hadoop-aws;3\.4\.1: not found"):
        spark_jars.fetch_jars(cache, Jdk(home, "17"), tmp_path)
    assert not spark_jars.marker_of(cache).exists()
    assert [path.name for path in cache.iterdir() if path.name != "lock"] == []


def test_other_coordinates_get_another_folder(tmp_path, monkeypatch):
    before = spark_jars.marker_of(tmp_path), spark_jars.jars_of(tmp_path)
    monkeypatch.setattr(spark_jars, "COORDINATES", (*spark_jars.COORDINATES, "a:b:1"))
    assert spark_jars.marker_of(tmp_path) != before[0]
    assert spark_jars.jars_of(tmp_path) != before[1]


def test_an_archive_fits_one_jdk_and_one_set_of_jars_only(runtime, tmp_path):
    first = archive_of(runtime, tmp_path)
    assert archive_of(runtime, tmp_path) == first
    assert archive_of(replace(runtime, jdk=Jdk(Path("/jdk"), "17.0.16")), tmp_path) != first
    assert archive_of(replace(runtime, java_flags=()), tmp_path) != first
    (runtime.jars_dir / "more.jar").touch()
    assert archive_of(runtime, tmp_path) != first


def test_the_command_says_in_one_line_what_is_missing(tmp_path, monkeypatch, capsys):
    def fail(cache, *, train):
        raise spark_jars.JarsNotFoundError(f"nothing in {cache}, train={train}")

    monkeypatch.setenv(spark_jars.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(spark, "prepare", fail)
    assert spark.main(["--no-archive"]) == 1
    assert capsys.readouterr().err == f"nothing in {tmp_path}, train=False\n"

"""Steps on a real JVM: PySpark in both deploy modes with all that spark-submit brings, examples, and JARs."""

import gzip
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparkdrop_local.emr import NO_DELAYS
from sparkdrop_local.java import require_jdk
from sparkdrop_local.spark import prepare, spark_home
from sparkdrop_local.spark_jars import CACHE_VARIABLE

WRITE = b"""
import json, os, sys
from pathlib import Path
from helper import PARTS
from pyspark import SparkFiles
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
rows = spark.range(100).selectExpr("id", f"id % {PARTS} AS part")
rows.write.partitionBy("part").parquet(sys.argv[1])
context = spark.sparkContext
runtime = context._jvm.java.lang.Runtime.getRuntime()
seen = {
    "confs": [spark.conf.get(f"spark.test.{name}", None) for name in ("cluster", "file", "hadoop")],
    "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
    "hadoop": context._jsc.hadoopConfiguration().get("test.hadoop"),
    "master": context.master,
    "heap": runtime.maxMemory() // 2**20,
    "option": context._jvm.java.lang.System.getProperty("test.option"),
    "application": context.applicationId,
    "files": [Path("renamed.txt").read_text(), Path(SparkFiles.get("renamed.txt")).read_text()],
    "archive": Path("data/inner/packed.txt").read_text(),
    "environment": [os.environ.get(name) for name in ("STAGE", "MASTER_STAGE", "JAVA_HOME")],
}
print(json.dumps(seen))
raise ValueError(f"wrote {spark.read.parquet(sys.argv[1]).count()} rows, and now fail")
"""
COUNT = """
package app;
import org.apache.spark.sql.SparkSession;
public class Count {
  public static void main(String[] arguments) {
    SparkSession spark = SparkSession.builder().getOrCreate();
    long count = spark.range(Long.parseLong(arguments[0])).count();
    System.out.println(count + " by " + spark.sparkContext().appName());
    spark.stop();
  }
}
"""
HELLO = """
package app;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.slf4j.LoggerFactory;
public class Hello {
  public static void main(String[] arguments) throws Exception {
    LoggerFactory.getLogger(Hello.class).info("hello, syslog");
    Path path = new Path(arguments[1]);
    long length = path.getFileSystem(new Configuration()).getFileStatus(path).getLen();
    System.out.println(arguments[0] + " " + System.getProperty("greeting") + " " + length);
    if (arguments[0].equals("fail")) throw new IllegalArgumentException("no such greeting");
  }
}
"""


@pytest.fixture(scope="module")
def spark_emr(make_emr, repo_root, tmp_path_factory):
    cache = Path(os.environ.get(CACHE_VARIABLE) or repo_root / ".cache" / "spark-jars")
    emr = make_emr(
        scratch_dir=tmp_path_factory.mktemp("spark"),
        spark=prepare(cache, train=False),
        delays=NO_DELAYS,
        stop_grace_seconds=2,
    )
    yield emr
    emr.close()


@pytest.fixture(scope="module")
def jar(spark_emr, tmp_path_factory):
    """A JAR in S3 whose manifest names app.Hello; app.Count is in it too."""
    folder, bin_ = tmp_path_factory.mktemp("jar"), require_jdk().home / "bin"
    (folder / "app").mkdir()
    for name, source in {"Hello": HELLO, "Count": COUNT}.items():
        (folder / "app" / f"{name}.java").write_text(source)
    compile_ = [bin_ / "javac", "-cp", f"{spark_home()}/jars/*", "app/Hello.java", "app/Count.java"]
    subprocess.run(compile_, cwd=folder, check=True)
    subprocess.run([bin_ / "jar", "cfe", "app.jar", "app.Hello", "app"], cwd=folder, check=True)
    spark_emr.s3.put_object(Bucket="code", Key="jars/app.jar", Body=(folder / "app.jar").read_bytes())
    return "s3://code/jars/app.jar"


def container_log(emr, cluster, name):
    prefix = f"emr/{cluster}/containers/application_"
    listed = emr.s3.list_objects_v2(Bucket="logs", Prefix=prefix).get("Contents", [])
    (key,) = (one["Key"] for one in listed if one["Key"].endswith(f"_0001_01_000001/{name}.gz"))
    return key, gzip.decompress(emr.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()


def pack(name, text):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return packed.getvalue()


def run_failing_program(emr):
    """Run the program above in cluster mode, with everything that a submission and a cluster may say."""
    emr.s3.create_bucket(Bucket="curated")
    for key, body in {
        "programs/write it.py": WRITE,
        "programs/helper.py": b"PARTS = 2\n",
        "programs/lookup.txt": b"looked up",
        "programs/packed.tar.gz": pack("inner/packed.txt", b"unpacked"),
        "programs/more.conf": b"spark.test.file from the file\nspark.executor.memory 99g\n",
    }.items():
        emr.s3.put_object(Bucket="code", Key=key, Body=body)
    export = {"Classification": "export", "Properties": {"STAGE": "local", "JAVA_HOME": "/nowhere"}}
    cluster = emr.run(
        Configurations=[
            {"Classification": "core-site", "Properties": {"test.hadoop": "from core-site"}},
            {"Classification": "spark-env", "Properties": {}, "Configurations": [export]},
            {"Classification": "spark-log4j2", "Properties": {"rootLogger.level": "warn"}},
            {"Classification": "spark-defaults", "Properties": {"spark.test.cluster": "from the cluster"}},
        ]
    )
    arguments = [
        "--deploy-mode", "cluster", "--master", "yarn", "--name", "the writer",
        "--num-executors", "1", "--executor-cores", "1", "--driver-memory", "768m",
        "--py-files", "s3://code/programs/helper.py", "--files", "s3://code/programs/lookup.txt#renamed.txt",
        "--archives", "s3://code/programs/packed.tar.gz#data",
        "--conf", "spark.sql.shuffle.partitions=3", "--conf", "spark.yarn.appMasterEnv.MASTER_STAGE=yarn",
        "--conf", "spark.driver.extraJavaOptions=-Dtest.option='a b' -XX:+UseParallelGC",
        "s3://code/programs/write it.py", "s3://curated/out",
    ]  # fmt: skip
    (step,) = emr.add(cluster, emr.command("spark-submit", *arguments))
    return cluster, step, emr.wait_step(cluster, step, "FAILED", "COMPLETED")


def test_a_program_in_cluster_mode_runs_with_all_it_asks_for_and_tells_why_it_failed(spark_emr):
    emr = spark_emr
    cluster, step, status = run_failing_program(emr)
    key, stdout = container_log(emr, cluster, "stdout")
    application = key.split("/")[3]
    assert status["State"] == "FAILED"
    assert status["FailureDetails"] == {
        "Reason": "Unknown Error.",
        "Message": 'Exception in thread "main" org.apache.spark.SparkException:'
        f" Application {application} finished with failed status",
        "LogFile": f"s3://logs/emr/{cluster}/steps/{step}/stderr.gz",
    }
    seen = json.loads(stdout)
    heap = seen.pop("heap")
    assert 600 < heap <= 768  # the survivor space that is not in use is not counted
    assert seen.pop("environment")[:2] == ["local", "yarn"]
    assert seen == {
        "confs": ["from the cluster", None, None],
        "partitions": "3",
        "hadoop": "from core-site",
        "master": "local[1]",
        "option": "a b",
        "application": application,
        "files": ["looked up", "looked up"],
        "archive": "unpacked",
    }
    _, container = container_log(emr, cluster, "stderr")
    assert "ValueError: wrote 100 rows, and now fail" in container
    assert " INFO " not in container
    assert emr.log(cluster, step, "stdout") == ""
    client = emr.log(cluster, step, "stderr")
    assert f"YarnClientImpl: Submitted application {application}" in client
    assert "final status: FAILED" in client
    assert "ValueError: wrote 100 rows, and now fail" in client  # the end of the container's stderr

    success = json.loads(emr.s3.get_object(Bucket="curated", Key="out/_SUCCESS")["Body"].read())
    assert success["committer"] == "magic"
    listed = emr.s3.list_objects_v2(Bucket="curated", Prefix="out/part=1/")["Contents"]
    body = b"".join(emr.s3.get_object(Bucket="curated", Key=one["Key"])["Body"].read() for one in listed[:1])
    assert set(pq.read_table(io.BytesIO(body)).column("id").to_pylist()) <= set(range(1, 100, 2))
    keys = {key.removeprefix("/").removeprefix("curated/") for key in success["filenames"]}
    assert {one["Key"] for one in listed} <= keys

    events = emr.app.context.settings.scratch_dir / "spark-events"
    (log,) = events.glob(f"eventlog_v2_{application}/events_1_*.zstd")
    assert '"App Name":"the writer"' in pa.input_stream(log, compression="zstd").read().decode()


def test_a_class_of_a_jar_runs_in_client_mode_and_its_output_is_the_steps(spark_emr, jar):
    emr = spark_emr
    emr.s3.put_object(
        Bucket="code", Key="more.conf", Body=b"spark.app.name  by file\nspark.executor.memory=99g\n"
    )
    cluster = emr.run()
    arguments = ["--properties-file", "s3://code/more.conf", "--class", "app.Count", jar, "41"]
    (step,) = emr.add(cluster, emr.command("spark-submit", *arguments))
    assert emr.wait_step(cluster, step, "FAILED", "COMPLETED")["State"] == "COMPLETED"
    assert emr.log(cluster, step, "stdout") == "41 by by file\n"
    assert "INFO SparkContext: Running Spark version" in emr.log(cluster, step, "stderr")
    listed = emr.s3.list_objects_v2(Bucket="logs", Prefix=f"emr/{cluster}/containers/")
    assert "Contents" not in listed


def test_an_example_runs_by_its_classs_name_and_one_that_is_not_there_says_which_are(spark_emr):
    emr = spark_emr
    cluster = emr.run()
    run, missing = emr.add(
        cluster,
        emr.command("/usr/lib/spark/bin/run-example", "SparkPi", "2"),
        emr.command("spark-example", "NoSuchThing"),
    )
    assert emr.wait_step(cluster, run, "FAILED", "COMPLETED")["State"] == "COMPLETED"
    assert emr.log(cluster, run, "stdout").startswith("Pi is roughly 3.")
    message = emr.wait_step(cluster, missing, "FAILED", "COMPLETED")["FailureDetails"]["Message"]
    assert message.startswith("PySpark has no example no_such_thing.py; it has als,")


def test_a_script_submits_as_a_step_does(spark_emr, jar):
    emr = spark_emr
    cluster = emr.run(
        Configurations=[
            {"Classification": "spark-defaults", "Properties": {"spark.app.name": "the cluster's"}}
        ]
    )
    submit = f"spark-submit --master yarn --deploy-mode cluster --driver-memory 99g --class app.Count {jar} 7"
    run, refused = emr.add(
        cluster,
        emr.bash(f"{submit} | sed 's/^/got /'"),
        emr.bash("spark-submit --master k8s://x p.py"),
    )
    assert emr.wait_step(cluster, run, "FAILED", "COMPLETED")["State"] == "COMPLETED"
    assert emr.log(cluster, run, "stdout") == "got 7 by the cluster's\n"
    details = emr.wait_step(cluster, refused, "FAILED", "COMPLETED")["FailureDetails"]
    assert (
        details["Message"] == "spark-submit: --master k8s://x is not here: the local EMR takes yarn and local"
    )


def jar_step(jar, *arguments, **more):
    jar_step = {"Jar": jar, "Args": list(arguments), **more}
    return {"Name": "jar", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}


def test_a_custom_jar_runs_its_main_class_with_hadoop_at_hand(spark_emr, jar):
    emr = spark_emr
    emr.s3.put_object(Bucket="code", Key="five.txt", Body=b"12345")
    properties = [{"Key": "greeting", "Value": "good day"}]
    cluster = emr.run()
    good, failed, unknown, broken = emr.add(
        cluster,
        jar_step(jar, "a b", "s3://code/five.txt", Properties=properties),
        jar_step(jar, "fail", "s3a://code/five.txt", MainClass="app.Hello"),
        jar_step(jar, MainClass="app.Nobody"),
        jar_step("s3://code/five.txt"),
    )
    assert emr.wait_step(cluster, good, "FAILED", "COMPLETED")["State"] == "COMPLETED"
    assert emr.log(cluster, good, "stdout") == "a b good day 5\n"
    assert "INFO app.Hello (main): hello, syslog" in emr.log(cluster, good, "syslog")
    assert f"startExec 'hadoop jar /mnt/var/lib/hadoop/steps/{good}/app.jar" in emr.log(
        cluster, good, "controller"
    )
    details = [emr.wait_step(cluster, step, "FAILED")["FailureDetails"] for step in (failed, unknown, broken)]
    assert [(one["Reason"], one["Message"].split(": ")[0]) for one in details] == [
        ("Illegal Argument.", 'Exception in thread "main" java.lang.IllegalArgumentException'),
        ("Main Class not found.", "Error"),
        ("Unknown Error.", "Error opening job jar"),
    ]

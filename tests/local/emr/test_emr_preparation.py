"""Files, scripts and YARN's client, without Spark: what is prepared for a job before its JVM starts."""

import os
import signal
import subprocess
import tarfile
import threading
import zipfile
from types import SimpleNamespace

import pytest

from sparkdrop_local.emr.jobs.commands import CommandError
from sparkdrop_local.emr.jobs.files import JobFiles
from sparkdrop_local.emr.jobs.jvm_files import read_main_class
from sparkdrop_local.emr.jobs.yarn import application_id, container_id, container_uris, submit_to_container

APPLICATION = application_id(1_700_000_000.0004, 7)


@pytest.fixture
def files(tmp_path):
    """Files of a job whose S3 is a folder."""
    work = tmp_path / "work"
    work.mkdir()

    def download(uri, folder):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / uri.rsplit("/", 1)[-1]
        target.write_bytes((tmp_path / target.name).read_bytes())
        return target

    return JobFiles(SimpleNamespace(download=download), work, tmp_path / "spark")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/home/hadoop/p.py", "/home/hadoop/p.py"),
        ("p.py", "p.py"),
        ("file:///home/hadoop/p.py", "/home/hadoop/p.py"),
        ("local:/home/hadoop/p.py", "/home/hadoop/p.py"),
        ("https://example.org/p.py", "https://example.org/p.py"),
        ("local:///usr/lib/spark/examples/x.py", "{spark}/examples/x.py"),
    ],
)
def test_a_path_of_the_cluster_is_one_of_this_machine(files, tmp_path, uri, path):
    assert files.fetch(uri) == path.format(spark=tmp_path / "spark")


def test_a_file_system_that_is_not_here_is_refused(files):
    with pytest.raises(CommandError, match=r"hdfs:///x: that file system is not here; keep files in s3://"):
        files.fetch("hdfs:///x")


def test_files_are_placed_where_the_job_runs_under_the_name_that_is_asked_for(files, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    assert files.place("s3://code/a.txt") == str(tmp_path / "work" / "a.txt")
    assert files.place(f"{tmp_path}/a.txt#b.txt") == str(tmp_path / "work" / "b.txt")
    assert files.place(f"{tmp_path}/work/b.txt") == str(tmp_path / "work" / "b.txt")
    assert (tmp_path / "work" / "b.txt").read_text() == "a"
    with pytest.raises(CommandError, match="does not exist"):
        files.place("/no/such/file")


def test_archives_are_unpacked_where_the_job_runs(files, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with tarfile.open(tmp_path / "env.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "a.txt", "in/a.txt")
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as packed:
        packed.write(tmp_path / "a.txt", "b.txt")
    files.unpack("s3://code/env.tar.gz#env")
    files.unpack("s3://code/data.zip")
    assert (tmp_path / "work" / "env" / "in" / "a.txt").read_text() == "a"
    assert (tmp_path / "work" / "data.zip" / "b.txt").read_text() == "a"
    with pytest.raises(CommandError, match="cannot be unpacked"):
        files.unpack("s3://code/a.txt")


def test_an_archive_does_not_leave_the_jobs_folder(files, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "a.txt", "a.txt")
        archive.add(tmp_path / "a.txt", "../../escaped.txt")
    with pytest.raises(CommandError, match="cannot be unpacked"):
        files.unpack("s3://code/bad.tar")
    assert not (tmp_path / "escaped.txt").exists()


@pytest.mark.parametrize(
    ("manifest", "main_class"),
    [
        ("Manifest-Version: 1.0\r\nMain-Class: a.b.Long\r\n Name\r\n", "a.b.LongName"),
        ("Manifest-Version: 1.0\n", None),
        (None, None),
    ],
)
def test_a_jars_manifest_names_its_main_class(tmp_path, manifest, main_class):
    with zipfile.ZipFile(tmp_path / "app.jar", "w") as archive:
        archive.writestr("x", "")
        if manifest is not None:
            archive.writestr("META-INF/MANIFEST.MF", manifest)
    assert read_main_class(str(tmp_path / "app.jar")) == main_class


def test_what_is_no_jar_says_so(tmp_path):
    (tmp_path / "app.jar").write_text("text")
    with pytest.raises(CommandError, match="Error opening job jar"):
        read_main_class(str(tmp_path / "app.jar"))
    with pytest.raises(CommandError, match="Not a valid JAR"):
        read_main_class(str(tmp_path / "none.jar"))


def test_an_application_and_its_container_are_named_as_yarn_names_them():
    assert APPLICATION == "application_1700000000000_0007"
    assert container_id(APPLICATION) == "container_1700000000000_0007_01_000001"
    assert container_uris("s3://logs/j-1/", APPLICATION) == {
        f"container-{name}": f"s3://logs/j-1/containers/{APPLICATION}/{container_id(APPLICATION)}/{name}.gz"
        for name in ("stdout", "stderr")
    }


def start_client(tmp_path, script, **environment):
    arguments = submit_to_container(
        ["/bin/sh", "-c", script],
        APPLICATION,
        work=tmp_path,
        stdout=tmp_path / "out",
        stderr=tmp_path / "err",
    )
    return subprocess.Popen(
        arguments,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_yarns_client_reports_a_driver_that_succeeds(tmp_path):
    client = start_client(tmp_path, "echo printed; echo logged >&2")
    stdout, stderr = client.communicate(timeout=30)
    assert (client.returncode, stdout) == (0, "")
    assert f"YarnClientImpl: Submitted application {APPLICATION}" in stderr
    assert stderr.count("final status: SUCCEEDED") == 1
    assert "Exception" not in stderr
    assert ((tmp_path / "out").read_text(), (tmp_path / "err").read_text()) == ("printed\n", "logged\n")


def test_yarns_client_reports_a_driver_that_fails_with_the_end_of_what_it_logged(tmp_path):
    client = start_client(tmp_path, "echo 'ValueError: 100% wrong\\n' >&2; exit 3")
    stdout, stderr = client.communicate(timeout=30)
    assert (client.returncode, stdout) == (1, "")
    assert "exited with  exitCode: 3" in stderr
    assert "ValueError: 100% wrong" in stderr
    assert stderr.splitlines()[-2].endswith(
        f"SparkException: Application {APPLICATION} finished with failed status"
    )


def test_a_driver_that_is_stopped_may_end_in_its_own_time(tmp_path):
    os.mkfifo(tmp_path / "ready")
    client = start_client(
        tmp_path, f"trap 'echo put away; exit 0' TERM; echo > {tmp_path}/ready; while :; do sleep 0.01; done"
    )
    watchdog = threading.Timer(30, client.kill)
    watchdog.start()
    (tmp_path / "ready").read_text()
    os.killpg(client.pid, signal.SIGTERM)
    client.communicate()
    watchdog.cancel()
    assert client.returncode == 0
    assert (tmp_path / "out").read_text() == "put away\n"


def test_a_submission_that_is_stopped_before_its_driver_starts_none(tmp_path):
    # YARN's client asks for the date as it logs the submission: that is when its group is told to stop
    date = tmp_path / "bin" / "date"
    date.parent.mkdir()
    date.write_text('#!/bin/sh\n[ "$1" = +%s ] && exec echo 0\nkill -TERM 0\n')
    date.chmod(0o755)
    client = start_client(
        tmp_path, f"echo > {tmp_path}/started", PATH=f"{date.parent}{os.pathsep}{os.environ['PATH']}"
    )
    client.communicate(timeout=30)
    assert client.returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "started").exists()


def test_a_script_without_a_first_line_is_run_by_sh_and_one_of_the_machine_where_it_lies(emr, tmp_path):
    emr.s3.put_object(Bucket="code", Key="plain.sh", Body=b'echo "plain $1"\n')
    local = tmp_path / "local.sh"
    local.write_text('#!/bin/sh\necho "local $1"\n')
    local.chmod(0o755)
    places = ("s3://code/plain.sh", str(local))
    cluster = emr.run(
        *(
            {"Name": "s", "HadoopJarStep": {"Jar": "script-runner.jar", "Args": [place, "x"]}}
            for place in places
        )
    )
    emr.until(lambda: emr.states(cluster) == ["COMPLETED", "COMPLETED"])
    assert [emr.log(cluster, step["Id"], "stdout") for step in emr.steps(cluster)] == [
        "plain x\n",
        "local x\n",
    ]


def test_a_script_has_the_aws_cli_and_reaches_this_s3_by_it(emr):
    emr.s3.put_object(Bucket="code", Key="note.txt", Body=b"noted")
    cluster = emr.run(emr.bash("aws s3 cp s3://code/note.txt -"))
    emr.until(lambda: emr.states(cluster) == ["COMPLETED"])
    (step,) = emr.steps(cluster)
    assert emr.log(cluster, step["Id"], "stdout") == "noted"


def test_a_module_of_a_scripts_folder_hides_none_of_its_spark_submit(emr):
    cluster = emr.run(emr.bash("echo 'raise SystemExit(\"hidden\")' > json.py; spark-submit --wrong x"))
    emr.until(lambda: emr.states(cluster) == ["FAILED"])
    (step,) = emr.steps(cluster)
    assert "unrecognized option: --wrong" in emr.log(cluster, step["Id"], "stderr")

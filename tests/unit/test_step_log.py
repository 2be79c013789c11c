"""What a step's log says of a failure, on what Spark 4.0.2 and YARN's client wrote."""

import pytest

from sparkdrop.core.step_log import may_be_the_files, tail_reason

UNREADABLE = """26/11/28 12:49:17 ERROR Executor: Exception in task 0.0 in stage 0.0 (TID 0)
org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file \
s3://sd-uploads/flights/7.parquet.  SQLSTATE: KD001
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.cannotReadFilesError(QueryExecutionErrors.scala:856)
Caused by: java.lang.RuntimeException: corrupted file: the footer index is not within the file: -2021160880
\t... 21 more

26/11/28 12:49:17 ERROR TaskSetManager: Task 0 in stage 0.0 failed 1 times; aborting job
Traceback (most recent call last):
  File "/tmp/ingest.py", line 6, in <module>
    spark.read.schema("a INT").parquet(place).count()
               ^^^^^^^^^^^^^^^^^
  File "/usr/lib/spark/python/lib/py4j/protocol.py", line 327, in get_return_value
    raise Py4JJavaError(
py4j.protocol.Py4JJavaError: An error occurred while calling o35.count.
: org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file \
s3://sd-uploads/flights/7.parquet.  SQLSTATE: KD001
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.cannotReadFilesError(QueryExecutionErrors.scala:856)
Caused by: java.lang.RuntimeException: corrupted file: the footer index is not within the file: -2021160880
\t... 21 more
"""
IN_A_WORKER = """py4j.protocol.Py4JJavaError: An error occurred while calling z:PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 1 times, \
most recent failure: Lost task 0.0 in stage 0.0 (TID 0) (192.0.2.2 executor driver): \
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/worker.py", line 2044, in main
    process()
  File "/tmp/ingest.py", line 10, in read
    raise ValueError(f"{key}: row {row} is odd")
ValueError: s3://sd-uploads/flights/7.csv: row 1 is odd

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)

Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.$anonfun$abortStage$2(DAGScheduler.scala:2935)
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/tmp/ingest.py", line 10, in read
    raise ValueError(f"{key}: row {row} is odd")
ValueError: s3://sd-uploads/flights/7.csv: row 1 is odd

\t... 1 more
"""
UNREADABLE_SENTENCES = (
    "org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
    "s3://sd-uploads/flights/7.parquet.  SQLSTATE: KD001\n"
    "java.lang.RuntimeException: corrupted file: the footer index is not within the file: -2021160880"
)
ODD_ROW = "ValueError: s3://sd-uploads/flights/7.csv: row 1 is odd"
LAUNCHED = """26/11/28 12:00:00 INFO Client: Application report for application_1_0001 (state: ACCEPTED)
\t client token: N/A
\t diagnostics: AM container is launched, waiting for AM container to Register with RM
\t ApplicationMaster host: N/A
"""


def in_yarns_words(stderr):
    """What YARN's client makes of a driver's stderr: its last 4,096 bytes, twice."""
    told = f"""Application application_1_0001 failed 1 times (global limit =2; local limit is =1) due to AM \
Container for appattempt_1_0001_000001 exited with  exitCode: 1
Failing this attempt.Diagnostics: Exception from container-launch.
Container id: container_1_0001_01_000001
Exit code: 1

Container exited with a non-zero exit code 1. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
Last 4096 bytes of stderr :
{stderr.encode()[-4096:].decode().rstrip()}

. Failing the application."""
    report = f"\t diagnostics: {told}\n\t ApplicationMaster host: N/A\n"
    again = f"26/11/28 12:01:00 ERROR Client: Application diagnostics message: {told}\n"
    last = 'Exception in thread "main" org.apache.spark.SparkException: Application application_1_0001 '
    return f"{LAUNCHED}{report}{again}{last}finished with failed status\n\tat Client.run(Client.scala)\n"


@pytest.mark.parametrize("wrap", [str, in_yarns_words], ids=["client mode", "cluster mode"])
@pytest.mark.parametrize(
    ("stderr", "reason"),
    [(UNREADABLE, UNREADABLE_SENTENCES), (IN_A_WORKER, ODD_ROW)],
    ids=["unreadable", "in a worker"],
)
def test_a_reason_is_each_sentence_once_and_names_the_file(stderr, reason, wrap):
    assert tail_reason(wrap(stderr)) == reason


def test_a_line_that_is_cut_at_its_beginning_is_no_reason():
    long = f'{"x" * 70}/pyspark/worker.py", line 5, in main\n' * 60 + "ValueError: no"
    lines = tail_reason(in_yarns_words(long + "\n")).splitlines()
    assert lines[-1] == "ValueError: no"
    assert tail_reason(in_yarns_words("z" * 5_000 + "\n" + IN_A_WORKER * 3)) == ODD_ROW


def test_what_yarn_says_of_a_driver_that_starts_is_no_reason():
    assert tail_reason(LAUNCHED) is None


URL = '"https://sd-curated.s3.eu-central-1.amazonaws.com/flights/a.parquet"'
BATCH = "s3://sd-artifacts/batches/01JAB/manifest.json"
LOST_TASK = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, "
    "most recent failure: Lost task 0.3 in stage 0.0 (TID 3) (ip-10-0-0-1 executor 2): "
)
STORES = [
    f"Could not connect to the endpoint URL: {URL}",
    f"Connect timeout on endpoint URL: {URL}",
    f"Read timeout on endpoint URL: {URL}",
    f"Connection was closed before we received a valid response from endpoint URL: {URL}.",
    "Unable to locate credentials",
    "Error when retrieving credentials from iam-role: Credential refresh failed",
    "An error occurred while reading from response stream: ('Connection broken', IncompleteRead(3))",
    "An error occurred (SlowDown) when calling the PutObject operation (reached max retries: 7): Slow down.",
    "An error occurred (503) when calling the HeadObject operation: Service Unavailable",
    "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied",
    "An error occurred (KMS.DisabledException) when calling the GetObject operation: it is disabled",
]
FINISHED = "org.apache.spark.SparkException: Application application_1_0001 finished with failed status"
EXPIRED = (
    "com.amazonaws.services.s3.model.AmazonS3Exception: The provided token has expired. (Service: "
    "Amazon S3; Status Code: 400; Error Code: ExpiredToken; Request ID: 1)"
)
FORBIDDEN = (
    "software.amazon.awssdk.services.s3.model.S3Exception: User: arn:aws:sts::1:assumed-role/r/i is not "
    'authorized to perform: s3:PutObject on "arn:aws:s3:::c/a" (Service: S3, Status Code: 403)'
)
NAMES = [
    "s3://sd-uploads/flights/ThrottlePosition/1.csv",
    "SlowDown/Rate exceeded/Status Code: 503.csv",
    "AccessDenied (Service: S3, Status Code: 503).csv",
    "Connection reset by peer.csv",
    "ImportError: 1.csv",
    "S3 does not let us use s3://this.csv",
]


@pytest.mark.parametrize(
    ("reason", "is_suspect"),
    [
        (UNREADABLE_SENTENCES, True),
        (ODD_ROW, True),
        ("Out of memory.", True),
        ("5 rows were to be written to s3://c/SlowDown/a.parquet, but its bytes hold 4.", True),
        (f'Exception in thread "main" {FINISHED}', True),
        (f"{LOST_TASK}ExecutorLostFailure (executor 2 exited) Reason: OutOfMemory", True),
        ("botocore.exceptions.ClientError: An error occurred (NoSuchKey) when calling the GetObject", True),
        ("Please reduce your request rate (Service: S3, Status Code: 503, Error Code: SlowDown)", False),
        (EXPIRED, False),
        (FORBIDDEN, False),
        ("org.apache.hadoop.fs.s3a.AWSClientIOException: open s3a://b/k: it breaks", False),
        ("java.net.UnknownHostException: sd-uploads.s3.eu-central-1.amazonaws.com", False),
        ("java.io.IOException: Connection reset by peer", False),
        ("ModuleNotFoundError: No module named 'pyarrow'", False),
        ("Error: Failed to load class org.acme.Job.", False),
        ("python3: can't open file '/tmp/ingest.py': [Errno 2] No such file or directory", False),
        (
            f"{LOST_TASK}ExecutorLostFailure (executor 2 exited) Reason: Container released on a *lost* node",
            False,
        ),
        ("S3 breaks off at byte 7 of s3://sd-uploads/flights/1.csv: reset", False),
        (f"Spark could not finish the batch of {BATCH}: S3 does not let us use s3://c/a: no", False),
        ("output.partition_by names year, but the columns are id, name.", False),
        ("input.schema: column a is INTERVAL, which no file can hold.", False),
        (f"The manifest {BATCH} is not usable: KeyError at 'input'.", False),
    ],
)
def test_the_files_are_suspect_unless_another_is_named(reason, is_suspect):
    assert may_be_the_files(reason) is is_suspect


@pytest.mark.parametrize("message", STORES)
def test_what_boto3_says_of_a_bad_moment_is_not_the_files_fault(message):
    assert not may_be_the_files(message)
    assert not may_be_the_files(f"ValueError: odd\nbotocore.exceptions.SomeError: {message}")
    assert not may_be_the_files(
        f"S3 does not let us use s3://sd-curated/flights/batch=1/a.parquet: {message}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_files_name_excuses_no_file(name):
    assert may_be_the_files(f"ValueError: {name!r}: row 1 is odd")
    assert may_be_the_files(f"ValueError: cannot read {name}: row 1 is odd")
    assert may_be_the_files(f"org.apache.spark.SparkException: Encountered error while reading file {name}.")

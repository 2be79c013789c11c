import json
import re
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws
from rich.console import Console
from typer.testing import CliRunner

from sparkdrop.aws.items import BatchState
from sparkdrop.aws.ledger import Ledger
from sparkdrop.aws.listing import FIELDS
from sparkdrop.aws.records import RunKey, UploadOutcome
from sparkdrop.aws.storage import Storage
from sparkdrop.aws.tracking import UploadTracker
from sparkdrop.aws.uploading import Drop, Uploader
from sparkdrop.cli import main
from sparkdrop.cli.drops import WrongDropError, find_key, plan_drops
from sparkdrop.cli.upload_display import StateDisplay, describe_ends, show_bytes
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.config import parse_configs
from sparkdrop.core.uploads import UNROUTED, Arrival, UploadState, upload_identity

UPLOADS, TABLE = "test-uploads", "test-ledger"
NAMES = {
    "SPARKDROP_UPLOADS_BUCKET": UPLOADS,
    "SPARKDROP_CURATED_BUCKET": "test-curated",
    "SPARKDROP_ARTIFACTS_BUCKET": "test-artifacts",
    "SPARKDROP_LOGS_BUCKET": "test-logs",
    "SPARKDROP_ARRIVALS_QUEUE_URL": "http://queue",
    "SPARKDROP_LEDGER_TABLE": TABLE,
    "SPARKDROP_EMR_SERVICE_ROLE": "service",
    "SPARKDROP_EMR_INSTANCE_PROFILE": "nodes",
}
FILES = {
    "flights.yaml": "arrival: {keys: ['flights/2013/*.csv', 'flights/*.csv.gz']}",
    "weather.yaml": "arrival: {keys: ['weather/*/hourly.csv', 'weather/*.csv']}",
}


def load(**texts):
    loaded = parse_configs(texts or FILES)
    assert not loaded.errors
    return loaded.pipelines


@pytest.fixture
def names(monkeypatch, tmp_path):
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    folder = tmp_path / "configs"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name, value in (NAMES | {"SPARKDROP_CONFIG_DIR": str(folder)}).items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def ledger(names):
    assert names.is_dir()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=UPLOADS)
        s3.put_bucket_versioning(Bucket=UPLOADS, VersioningConfiguration={"Status": "Enabled"})
        make_table()
        yield Ledger(TABLE)


def make_table():
    names = ("pk", "sk", "pipeline", "state", "upload_id")
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": f"by_{name}",
                "KeySchema": [
                    {"AttributeName": name, "KeyType": "HASH"},
                    {"AttributeName": "upload_id", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name in ("pipeline", "state")
        ],
    )


class Airflow:
    """Does to the ledger what the DAG does, one move at a call."""

    def __init__(self, ledger, pipeline="flights"):
        self.ledger, self.pipeline, self.head = ledger, pipeline, None

    def notice(self, *arrivals, pipeline=None):
        self.ledger.record(pipeline or self.pipeline, [InboxEntry(each.upload_id, each) for each in arrivals])

    def claim(self):
        entries = self.ledger.read_inbox(self.pipeline, 100)
        run = RunKey(f"batch-{self.pipeline}", self.pipeline, self.pipeline, "run-1")
        opened = self.ledger.open_batch(run, entries)
        self.head, self.entries = opened, self.ledger.claim_entries(opened, entries)

    def start(self):
        self.ledger.announce_step(self.head.batch_id, "j-1", "step")
        self.ledger.start_batch(self.head.batch_id, "s-1")

    def settle(self, state=UploadState.SUCCEEDED, **facts):
        given = facts or {"rows_in": 1234, "rows_out": 1230, "rows_rejected": 4, "output": "s3://out/batch"}
        self.ledger.settle(self.head, [UploadOutcome(entry, state, given) for entry in self.entries])
        self.ledger.close_batch(self.head.batch_id, BatchState.SUCCEEDED)


def arrive(key="flights/2013/01.csv", version_id="v1", *, seconds=0):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return Arrival(UPLOADS, key, version_id, "etag", 3, moment)


def run(*arguments):
    return CliRunner().invoke(main.build_app(), list(arguments))


# keys


@pytest.mark.parametrize(
    ("pipeline", "name", "key"),
    [
        ("flights", "01.csv", "flights/2013/01.csv"),
        ("flights", "01.csv.gz", "flights/01.csv.gz"),
        ("flights", "a +%ä.csv", "flights/2013/a +%ä.csv"),
        ("flights", "01.json", None),
        ("flights", "01.CSV", None),
        ("weather", "hourly.csv", "weather/hourly.csv"),
    ],
)
def test_a_file_goes_to_the_first_folder_that_makes_a_key(pipeline, name, key):
    assert find_key(load()[pipeline], name) == key


def test_a_file_of_another_pipeline_is_refused(tmp_path):
    pipelines = load()
    with pytest.raises(
        WrongDropError, match=r"'weather' does not accept 'x.csv.gz'; accepted: weather/\*/hourly"
    ):
        plan_drops(pipelines, "weather", [tmp_path / "x.csv.gz"], uploads_bucket=UPLOADS)


def test_two_files_of_one_name_are_refused(tmp_path):
    paths = [tmp_path / "a" / "x.csv", tmp_path / "b" / "x.csv", tmp_path / "y.csv"]
    with pytest.raises(WrongDropError, match=r"two of the files would go to flights/2013/x\.csv,"):
        plan_drops(load(), "flights", paths, uploads_bucket=UPLOADS)


def test_a_pipeline_with_a_bucket_of_its_own_gets_its_files_there(tmp_path):
    text = "arrival: {keys: ['in/*.csv'], bucket: partner-exports, mode: sensor}"
    pipelines = parse_configs({"partner.yaml": text}).pipelines
    drops = plan_drops(pipelines, "partner", [tmp_path / "x.csv"], uploads_bucket=UPLOADS)
    assert [(drop.bucket, drop.key) for drop in drops] == [("partner-exports", "in/x.csv")]


# sending


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("size", [0, 10, 17 * 2**20], ids=["empty", "one request", "three parts"])
def test_an_upload_tells_the_version_that_it_became(tmp_path, size):
    path = tmp_path / "x.csv"
    path.write_bytes(b"7" * size)
    sent = []
    uploader = Uploader()
    first = uploader.upload(Drop(path, "flights", UPLOADS, "flights/2013/x.csv"), sent.append)
    second = uploader.upload(Drop(path, "flights", UPLOADS, "flights/2013/x.csv"))
    stored = Storage().read_arrival(UPLOADS, "flights/2013/x.csv")
    assert (sum(sent), first.bytes) == (size, size)
    assert upload_identity(second.upload_id) == upload_identity(stored.upload_id)
    assert upload_identity(first.upload_id) != upload_identity(second.upload_id)
    assert (first.etag, first.version_id) != (None, second.version_id)


@pytest.mark.usefixtures("ledger")
def test_a_bucket_without_versions_gives_the_identity_of_its_content(tmp_path):
    boto3.client("s3").create_bucket(Bucket="plain")
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b")
    arrival = Uploader().upload(Drop(path, "flights", "plain", "x.csv"))
    assert arrival.version_id is None
    assert upload_identity(arrival.upload_id) == upload_identity(
        Storage().read_arrival("plain", "x.csv").upload_id
    )


@pytest.mark.usefixtures("ledger")
def test_one_refused_file_does_not_stop_the_others(tmp_path):
    paths = [tmp_path / f"{number}.csv" for number in range(6)]
    for path in paths[1:]:
        path.write_bytes(b"a\n1\n")
    drops = [Drop(path, "flights", UPLOADS, path.name) for path in paths]
    landings = {landing.drop.key: landing for landing in Uploader().upload_all(drops)}
    assert landings["0.csv"].arrival is None
    assert "No such file" in landings["0.csv"].error
    assert all(landings[path.name].arrival.key == path.name for path in paths[1:])
    missing = next(Uploader().upload_all([Drop(paths[1], "flights", "no-such-bucket", "x.csv")]))
    assert "NoSuchBucket" in missing.error


# following


def test_an_upload_is_followed_from_sent_to_its_end(ledger):
    airflow, arrival = Airflow(ledger), arrive()
    # the ledger knows the event's time, which is not that of the answer
    event = arrive(seconds=-2)
    tracker = UploadTracker(ledger, [("flights", arrival)])
    moves = iter([lambda: airflow.notice(event), airflow.claim, airflow.start, airflow.settle])
    states, moved = [], []
    for change in tracker.watch(timeout=timedelta(minutes=1), sleep=lambda _: next(moves)()):
        states.append(tracker.uploads[0].state)
        moved.append(change)
    assert states == [None, "PENDING", "CLAIMED", "RUNNING", "SUCCEEDED"]
    assert moved == [False, True, True, True, True]
    assert tuple(tracker.uploads[0].view) == FIELDS
    assert tracker.uploads[0].view["upload_id"] == event.upload_id
    assert tracker.uploads[0].view["rows_out"] == 1230


def test_an_upload_is_found_behind_many_newer_ones(ledger):
    airflow, arrival = Airflow(ledger), arrive()
    airflow.notice(arrival)
    airflow.claim()
    airflow.settle(UploadState.QUARANTINED, reason="is no CSV")
    airflow.notice(*(arrive(f"flights/2013/{number}.csv", seconds=number) for number in range(1, 100)))
    tracker = UploadTracker(ledger, [("flights", arrival)])
    assert tracker.look()
    assert (tracker.uploads[0].state, tracker.uploads[0].reason) == ("QUARANTINED", "is no CSV")
    assert tuple(tracker.uploads[0].view) == FIELDS


def test_an_upload_that_is_routed_nowhere_has_ended(ledger):
    arrival = arrive()
    Airflow(ledger).notice(arrival, pipeline=UNROUTED)
    tracker = UploadTracker(ledger, [("flights", arrival)])
    assert list(tracker.watch(timeout=timedelta(minutes=1))) == [True]
    assert "is not deployed there" in tracker.uploads[0].reason


def test_following_ends_with_its_time(ledger):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    tracker = UploadTracker(ledger, [("flights", arrive())])
    looks = list(tracker.watch(timeout=timedelta(seconds=2.5), clock=lambda: now[0], sleep=sleep))
    assert (looks, now[0]) == ([False] * 4, 2.5)
    assert [upload.state for upload in tracker.open] == [None]


# display


def test_a_terminal_shows_a_table_and_other_places_get_lines(ledger, tmp_path):
    airflow, arrival = Airflow(ledger), arrive()
    tracker = UploadTracker(ledger, [("flights", arrival), ("weather", arrive("weather/[b].csv"))])
    with (tmp_path / "out").open("w") as out, (tmp_path / "tty").open("w") as tty:
        consoles = [
            Console(file=out, width=100),
            Console(file=tty, width=100, force_terminal=True, _environ={}),
        ]
        with (
            StateDisplay(tracker.uploads, quiet=False, console=consoles[0]) as lines,
            StateDisplay(tracker.uploads, quiet=False, console=consoles[1]) as live,
        ):
            for move in (lambda: None, lambda: airflow.notice(arrival), airflow.claim, airflow.settle):
                move()
                tracker.look()
                lines.update()
                live.update("after 3 s")
    assert (tmp_path / "out").read_text().splitlines() == [
        "flights/2013/01.csv  SENT",
        "weather/[b].csv  SENT",
        "flights/2013/01.csv  PENDING",
        "flights/2013/01.csv  CLAIMED",
        "flights/2013/01.csv  SUCCEEDED",
    ]
    table = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", (tmp_path / "tty").read_text())
    assert "1 SENT, 1 SUCCEEDED  after 3 s" in table
    assert re.search(r"flights/2013/01\.csv +SUCCEEDED +1,234 +1,230 +4", table)
    assert "weather/[b].csv" in table


def test_quiet_displays_write_nothing(ledger, tmp_path):
    tracker = UploadTracker(ledger, [("flights", arrive())])
    with (tmp_path / "out").open("w") as out:
        console = Console(file=out, force_terminal=True)
        with StateDisplay(tracker.uploads, quiet=True, console=console) as display:
            display.update()
        with show_bytes(10, quiet=True, console=console) as report_bytes:
            report_bytes(10)
        with show_bytes(10, quiet=False, console=Console(file=out)) as report_bytes:
            report_bytes(10)
    assert (tmp_path / "out").read_text() == ""


def test_the_bar_counts_bytes(tmp_path):
    with (tmp_path / "out").open("w") as out:
        console = Console(file=out, width=120, force_terminal=True, _environ={})
        with show_bytes(2048, quiet=False, console=console) as report_bytes:
            report_bytes(1024)
            report_bytes(1024)
    assert "2.0/2.0 KiB" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", (tmp_path / "out").read_text())


# commands


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "01.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.mark.usefixtures("ledger")
def test_upload_prints_what_it_made(file):
    done = run("upload", "--direct", str(file), "--pipeline", "flights", "--json")
    (record,) = json.loads(done.stdout)
    stored = Storage().read_arrival(UPLOADS, "flights/2013/01.csv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert tuple(record) == FIELDS
    assert upload_identity(record["upload_id"]) == upload_identity(stored.upload_id)
    assert (record["key"], record["bytes"], record["state"]) == ("flights/2013/01.csv", 8, None)
    assert "flights/2013/01.csv" in run("upload", "--direct", str(file), "-p", "flights").stdout


def process(ledger, stop, state, facts):
    """Airflow in a thread: takes what lands."""
    airflow = Airflow(ledger)
    while not stop.is_set():
        if found := list(Storage().list_arrivals(UPLOADS, "flights/")):
            airflow.notice(*found)
            airflow.claim()
            airflow.settle(state, **facts)
            return
        stop.wait(0.05)


@pytest.fixture
def airflow(ledger):
    stop, threads = threading.Event(), []

    def start(state, **facts):
        threads.append(threading.Thread(target=process, args=(ledger, stop, state, facts)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_upload_waits_for_the_end(airflow, file):
    airflow(UploadState.SUCCEEDED, rows_in=1, rows_out=1, rows_rejected=0, output="s3://curated/x")
    done = run("upload", "--direct", str(file), "--pipeline", "flights", "--wait", "--json")
    (record,) = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    assert (record["state"], record["rows_out"], record["output"]) == ("SUCCEEDED", 1, "s3://curated/x")


def test_upload_that_is_quarantined_exits_1_with_the_reason(airflow, file):
    airflow(UploadState.QUARANTINED, reason="the gzip is cut off")
    done = run("upload", "--direct", str(file), "--pipeline", "flights", "--wait")
    assert done.exit_code == 1
    assert "flights/2013/01.csv: QUARANTINED: the gzip is cut off" in done.stderr
    assert "flights/2013/01.csv  QUARANTINED\n" in done.stderr


@pytest.mark.usefixtures("ledger")
def test_upload_that_does_not_end_in_time_exits_1(file):
    done = run("upload", "--direct", str(file), "--pipeline", "flights", "--wait", "--timeout", "10ms")
    assert done.exit_code == 1
    assert "flights/2013/01.csv: still SENT after 0.01 s" in done.stderr


def test_an_upload_that_has_not_ended_says_that_its_batch_is_slow():
    view = {"slow_since": "2026-03-01T12:16:00Z"}
    upload = SimpleNamespace(name="a.csv", state="RUNNING", ended=False, view=view)
    (line,) = describe_ends([upload], "flights", timedelta(seconds=9))
    assert line.startswith("a.csv: still RUNNING, slower than usual since 2026-03-01T12:16:00Z, after 9 s; ")


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pipeline", "fligths"], "no pipeline is called 'fligths'; did you mean 'flights'?"),
        (["--pipeline", "zzz"], "there are: flights, weather"),
        (["--pipeline", "flights", "--timeout", "5"], "--timeout: found '5'; accepted: a duration"),
        ([], "Missing option '--pipeline'"),
    ],
)
def test_wrong_usage_of_upload_exits_2_before_anything_is_sent(file, arguments, message):
    done = run("upload", "--direct", str(file), *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.usefixtures("names")
def test_a_file_that_no_pattern_takes_exits_2_and_says_what_is_accepted(tmp_path):
    (tmp_path / "x.pdf").touch()
    done = run("upload", "--direct", str(tmp_path / "x.pdf"), "--pipeline", "flights")
    assert done.exit_code == 2
    assert "does not accept 'x.pdf'; accepted: flights/2013/*.csv, flights/*.csv.gz" in done.stderr
    assert run("upload", "--direct", str(tmp_path / "none.csv"), "--pipeline", "flights").exit_code == 2
    assert run("upload", "--direct", str(tmp_path), "--pipeline", "flights").exit_code == 2


def test_a_pipeline_whose_file_is_wrong_says_so(names, file):
    (names / "flights.yaml").write_text("arrival: {kees: [x]}")
    done = run("upload", "--direct", str(file), "--pipeline", "flights")
    assert done.exit_code == 1
    assert "arrival.kees: is no known key" in done.stderr


def test_a_name_of_the_deployment_that_cannot_be_read_is_told_as_it_is(names, monkeypatch):
    assert names.is_dir()
    monkeypatch.setenv("SPARKDROP_REAP_AFTER", "10")
    done = run("uploads", "list")
    assert done.exit_code == 2
    assert "SPARKDROP_REAP_AFTER found '10'" in done.stderr
    assert "not set" not in done.stderr


@pytest.mark.parametrize("arguments", [["uploads", "list"], ["uploads", "show", "0" * 26]])
def test_without_a_deployment_the_error_says_how_to_name_one(names, monkeypatch, arguments):
    assert names.is_dir()
    monkeypatch.delenv("SPARKDROP_LEDGER_TABLE")
    done = run(*arguments)
    assert done.exit_code == 2
    assert "SPARKDROP_LEDGER_TABLE is not set" in done.stderr
    assert 'eval "$(sparkdrop local env)"' in done.stderr


@pytest.mark.usefixtures("names")
def test_a_table_that_is_not_there_is_one_line():
    with mock_aws():
        done = run("uploads", "list")
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.search(r"error: AWS: .*ResourceNotFoundException", done.stderr)


@pytest.fixture
def history(ledger):
    """One upload done, one waiting, one that nobody takes."""
    airflow = Airflow(ledger)
    airflow.notice(arrive())
    airflow.claim()
    airflow.settle()
    airflow.notice(arrive("weather/x.csv", seconds=1), pipeline="weather")
    airflow.notice(arrive("elsewhere/x.csv", seconds=2), pipeline=UNROUTED)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ([], ["elsewhere/x.csv", "weather/x.csv", "flights/2013/01.csv"]),
        (["--limit", "1"], ["elsewhere/x.csv"]),
        (["--pipeline", "flights"], ["flights/2013/01.csv"]),
        (["--pipeline", "_unrouted"], ["elsewhere/x.csv"]),
        (["--state", "pending"], ["weather/x.csv"]),
        (["--state", "FAILED"], []),
        (["--pipeline", "weather", "--state", "SUCCEEDED"], []),
    ],
)
def test_list(options, keys):
    done = run("uploads", "list", "--json", *options)
    records = json.loads(done.stdout)
    assert (done.exit_code, [record["key"] for record in records]) == (0, keys)
    assert all(tuple(record) == FIELDS for record in records)


@pytest.mark.usefixtures("history")
def test_list_as_table():
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main.build_app(), ["uploads", "list"])
    assert re.search(r"flights +flights/2013/01\.csv +SUCCEEDED +1234 +1230 +4 ", done.stdout)
    assert run("uploads", "list", "--state", "FAILED").stdout == "no uploads\n"


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pipeline", "wether"], "no pipeline is called 'wether'; did you mean 'weather'?"),
        (["--state", "RUNING"], "no upload is ever 'RUNING'; did you mean 'RUNNING'?"),
        (["--limit", "0"], "Invalid value for '--limit'"),
    ],
)
def test_wrong_usage_of_list_exits_2(options, message):
    done = run("uploads", "list", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.usefixtures("history")
def test_show():
    upload_id = arrive().upload_id
    done = run("uploads", "show", upload_id.lower(), "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 0
    assert tuple(record) == (*FIELDS, "history")
    assert [move["state"] for move in record["history"]] == ["CLAIMED", "SUCCEEDED"]
    shown = run("uploads", "show", upload_id).stdout
    assert re.search(r"^rows_out +1230 *$", shown, re.MULTILINE)
    assert re.search(r"CLAIMED +batch-flights *\n.*SUCCEEDED", shown)


@pytest.mark.usefixtures("history")
def test_show_finds_what_was_never_claimed_and_what_nobody_takes():
    for arrival in (arrive("weather/x.csv", seconds=1), arrive("elsewhere/x.csv", seconds=2)):
        record = json.loads(run("uploads", "show", arrival.upload_id, "--json").stdout)
        assert (record["key"], record["history"]) == (arrival.key, [])


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("upload_id", ["0" * 26, "nope", "inbox#flights#0"])
def test_show_of_an_unknown_id_exits_1(upload_id):
    done = run("uploads", "show", upload_id)
    assert (done.exit_code, done.stdout) == (1, "")
    assert upload_id in done.stderr
    assert "sparkdrop uploads list" in done.stderr

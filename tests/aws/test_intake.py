"""How objects come into the inboxes: by events, by listings, by a person's word."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sparkdrop.aws.claims import claim_batch
from sparkdrop.aws.intake import record_arrivals, select_again
from sparkdrop.aws.items import BatchState
from sparkdrop.aws.records import UploadOutcome
from sparkdrop.aws.storage import split_uri
from sparkdrop.aws.watch import BucketWatch, reconcile_bucket
from sparkdrop.core.batch import InboxEntry
from sparkdrop.core.errors import ConfigError, StorageError
from sparkdrop.core.program import ShippedProgram
from sparkdrop.core.uploads import UNROUTED, UploadState

from .conftest import PLENTY, make_entry, make_pipeline, make_run


def finish(ledger, name, state=UploadState.SUCCEEDED):
    claim = claim_batch(ledger, make_run(name), PLENTY)
    ledger.settle(claim.head, [UploadOutcome(entry, state, {}) for entry in claim.entries])
    ledger.close_batch(claim.head.batch_id, BatchState.SUCCEEDED)
    return claim


def put(storage, bucket, key, body=b"a\n1\n"):
    storage.client.put_object(Bucket=bucket, Key=key, Body=body)


def keys(entries):
    return [entry.arrival.key for entry in entries]


def route(_, key):
    return "flights" if key.startswith("flights/") else None


def test_arrivals_go_to_their_pipelines_and_the_rest_is_on_record(ledger):
    arrivals = [make_entry(1).arrival, make_entry(2, key="x").arrival, make_entry(3).arrival]
    assert record_arrivals(ledger, route, arrivals) == {"flights": 2, UNROUTED: 1}
    assert keys(ledger.read_inbox("flights", 9)) == ["flights/1.csv", "flights/3.csv"]
    assert keys(ledger.read_inbox(UNROUTED, 9)) == ["x"]
    assert record_arrivals(ledger, route, []) == {}


def test_markers_of_folders_are_nobodys_upload_however_they_are_found(ledger, storage):
    for key in ("flights/", "flights/day/", "flights/out_$folder$"):
        put(storage, "sd-uploads", key, b"")
        assert storage.read_arrival("sd-uploads", key) is None
    event = replace(make_entry(1, size=0).arrival, key="flights/day/")
    assert record_arrivals(ledger, route, [event]) == {}
    ledger.now.at = datetime.now(UTC) + timedelta(hours=1)
    assert reconcile_bucket(ledger, storage, route, "sd-uploads", older_than=timedelta(0)) == set()
    assert ledger.read_inbox("flights", 9) == ledger.read_inbox(UNROUTED, 9) == []


def test_an_empty_file_is_on_record_at_once_and_wakes_nobody(ledger):
    empty, full = make_entry(1, size=0), make_entry(2)
    assert record_arrivals(ledger, route, [empty.arrival, empty.arrival]) == {}
    assert record_arrivals(ledger, route, [empty.arrival, full.arrival]) == {"flights": 1}
    assert keys(ledger.read_inbox("flights", 9)) == ["flights/2.csv"]
    (item,) = ledger.read_uploads([empty.upload_id])
    assert (item["state"], item["reason"], len(item["history"])) == ("QUARANTINED", "the file is empty", 1)


def test_a_drain_compares_no_entry_with_all_the_others(ledger, monkeypatch):
    compared = []
    monkeypatch.setattr(InboxEntry, "__eq__", lambda *two: compared.append(two))
    record_arrivals(ledger, route, [make_entry(number, size=number % 2).arrival for number in range(60)])
    assert len(compared) < 60


def test_a_claim_of_empty_files_alone_holds_nothing(ledger):
    """A person names them, or an earlier release has put them into the inbox."""
    empty = make_entry(1, size=0)
    ledger.record("flights", [empty])
    assert claim_batch(ledger, make_run("one"), PLENTY).head is None
    assert claim_batch(ledger, make_run("one"), PLENTY).head is None
    assert ledger.read_open_batches() == []
    claim = claim_batch(ledger, make_run("two"), PLENTY, choose=lambda: [make_entry(1, size=0, attempt=2)])
    assert claim.entries == ()
    (item,) = ledger.read_uploads([empty.upload_id])
    assert (item["state"], item["attempt"]) == ("QUARANTINED", 2)
    ledger.record("flights", [make_entry(3, size=0), make_entry(4)])
    assert keys(claim_batch(ledger, make_run("three"), PLENTY).entries) == ["flights/4.csv"]


def test_a_watch_passes_over_what_other_programs_have_not_finished(ledger, storage):
    for key in ("flights/_temporary/0/1.csv", "flights/.2.csv", "flights/3.csv", "flights/4.csv"):
        put(storage, "sd-uploads", key, b"" if key.endswith("4.csv") else b"1")

    def watch(**settings):
        patterns = ["flights/**.csv"]
        bucket = "sd-uploads"
        return BucketWatch(ledger, storage, pipeline="flights", bucket=bucket, patterns=patterns, **settings)

    assert watch().look()
    assert keys(ledger.read_inbox("flights", 9)) == ["flights/3.csv"]
    assert not watch().look()
    assert watch(hidden="take").look()
    assert len(ledger.read_inbox("flights", 9)) == 3


def test_a_replay_is_a_new_attempt_under_the_same_id(ledger):
    ledger.record("flights", [make_entry(1)])
    finish(ledger, "one")
    listed = replace(
        make_entry(1).arrival, arrived_at=make_entry(1).arrival.arrived_at + timedelta(seconds=2)
    )
    (entry,) = select_again(ledger, [listed]).entries
    assert (entry.upload_id, entry.attempt) == (make_entry(1).upload_id, 2)
    claim = claim_batch(ledger, make_run("two"), PLENTY, choose=lambda: [entry])
    assert list(claim.entries) == [entry]


def test_what_a_living_batch_holds_is_left_to_it(ledger):
    ledger.record("flights", [make_entry(1)])
    claim_batch(ledger, make_run("one"), PLENTY)
    selection = select_again(ledger, [make_entry(1).arrival, make_entry(2).arrival])
    assert selection.busy == (replace(make_entry(1, attempt=2), is_chosen=True),)
    assert selection.entries == (replace(make_entry(2), is_chosen=True),)


@pytest.mark.parametrize("bucket", ["sd-uploads", "sd-partner"])
def test_a_watch_sees_each_object_version_once(ledger, storage, bucket):
    for key in ("flights/1.csv", "flights/deep/2.csv", "flights/note.txt", "flights/folder/", "other/3.csv"):
        put(storage, bucket, key, b"" if key.endswith("/") else b"1")

    def watch():
        patterns = ["flights/**.csv"]
        return BucketWatch(ledger, storage, pipeline="flights", bucket=bucket, patterns=patterns)

    ledger.now.at = datetime.now(UTC) + timedelta(hours=1)
    first = watch()
    assert first.look()
    assert sorted(keys(finish(ledger, "one").entries)) == ["flights/1.csv", "flights/deep/2.csv"]
    assert not first.look()
    assert not watch().look(), "another run's watch asks the ledger"
    put(storage, bucket, "flights/1.csv", b"another content")
    assert first.look()
    assert keys(finish(ledger, "two").entries) == ["flights/1.csv"]
    assert not watch().look()


def test_a_listing_and_an_event_mean_the_same_upload(ledger, storage):
    put(storage, "sd-uploads", "flights/a b+%20ü.csv")
    (listed,) = storage.list_arrivals("sd-uploads", "flights/")
    head = storage.read_arrival("sd-uploads", "flights/a b+%20ü.csv")
    assert head == listed
    assert listed.version_id
    event = replace(listed, arrived_at=listed.arrived_at - timedelta(seconds=7))
    record_arrivals(ledger, route, [event])
    ledger.now.at = datetime.now(UTC)
    finish(ledger, "one")
    woken = reconcile_bucket(ledger, storage, route, "sd-uploads", older_than=timedelta(hours=-1))
    assert woken == set()
    assert not ledger.is_waiting("flights")


def test_a_reconciliation_finds_what_no_event_told_of_and_leaves_the_young(ledger, storage):
    for key in ("flights/1.csv", "lost"):
        put(storage, "sd-uploads", key)
    ledger.now.at = datetime.now(UTC)
    late = timedelta(minutes=15)
    assert reconcile_bucket(ledger, storage, route, "sd-uploads", older_than=late) == set()
    ledger.now.move(minutes=16)
    assert reconcile_bucket(ledger, storage, route, "sd-uploads", older_than=late) == {"flights", UNROUTED}
    assert keys(ledger.read_inbox("flights", 9)) == ["flights/1.csv"]


def test_a_deleted_object_is_listed_no_more(storage):
    put(storage, "sd-uploads", "flights/1.csv")
    put(storage, "sd-uploads", "flights/1.csv", b"second")
    (listed,) = storage.list_arrivals("sd-uploads", "")
    assert listed.bytes == len(b"second")
    storage.client.delete_object(Bucket="sd-uploads", Key="flights/1.csv")
    assert list(storage.list_arrivals("sd-uploads", "")) == []
    assert storage.read_arrival("sd-uploads", "flights/1.csv") is None


def test_a_program_lies_under_its_content(storage, deployment, tmp_path):
    here = deployment.model_copy(update={"jobs_dir": str(tmp_path)})
    (tmp_path / "ingest.py").write_text("one")
    first = storage.ensure_program(make_pipeline(), here)
    assert storage.read_text(first.uri) == "one"
    put_at = storage.client.head_object(**dict(zip(("Bucket", "Key"), split_uri(first.uri), strict=True)))
    assert storage.ensure_program(make_pipeline(), here) == first
    again = storage.client.head_object(**dict(zip(("Bucket", "Key"), split_uri(first.uri), strict=True)))
    assert again["LastModified"] == put_at["LastModified"]
    (tmp_path / "ingest.py").write_text("two")
    second = storage.ensure_program(make_pipeline(), here)
    assert [storage.read_text(program.uri) for program in (first, second)] == ["one", "two"]


@pytest.fixture
def jobs(deployment, tmp_path):
    """A folder with one program of two parts, and what says where it is."""
    (tmp_path / "ingest.py").write_text("import ingest_parts.rows")
    (tmp_path / "ingest_parts" / "__pycache__").mkdir(parents=True)
    (tmp_path / "ingest_parts" / "__pycache__" / "rows.pyc").write_bytes(b"stale")
    (tmp_path / "ingest_parts" / "__init__.py").touch()
    (tmp_path / "ingest_parts" / "rows.py").write_text("A = 1")
    return deployment.model_copy(update={"jobs_dir": str(tmp_path)})


def test_the_parts_of_a_program_lie_beside_it_as_a_zip(storage, jobs, tmp_path):
    program = storage.ensure_program(make_pipeline(), jobs)
    folder = program.uri.removesuffix("/ingest.py")
    assert program.py_files == (f"{folder}/ingest_parts.zip",)
    bucket, key = split_uri(program.py_files[0])
    packed = storage.client.get_object(Bucket=bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["ingest_parts/__init__.py", "ingest_parts/rows.py"]
        assert archive.read("ingest_parts/rows.py") == b"A = 1"
    (tmp_path / "ingest_parts" / "rows.py").write_text("A = 2")
    second = storage.ensure_program(make_pipeline(), jobs)
    assert second.uri != program.uri, "a program never meets the parts of another version"
    assert storage.read_text(second.uri) == storage.read_text(program.uri)


def test_a_program_that_is_there_costs_one_request(storage, jobs):
    requests = []
    storage.client.meta.events.register("before-call.s3", lambda model, **_: requests.append(model.name))
    storage.ensure_program(make_pipeline(), jobs)
    assert requests == ["HeadObject", "PutObject", "PutObject"]
    storage.ensure_program(make_pipeline(), jobs)
    assert requests[3:] == ["HeadObject"]


def test_a_program_whose_upload_broke_off_is_written_again(storage, jobs):
    """The parts are written first, so that the program's own key speaks for both."""
    broken = []

    def break_off(model, params, **_):
        if model.name == "PutObject" and params["url_path"].endswith(".py") and not broken:
            broken.append(params["url_path"])
            raise OSError("the network is away")

    storage.client.meta.events.register("before-call.s3", break_off)
    with pytest.raises(OSError, match="away"):
        storage.ensure_program(make_pipeline(), jobs)
    program = storage.ensure_program(make_pipeline(), jobs)
    assert storage.read_text(program.uri) == "import ingest_parts.rows"
    assert storage.read_arrival(*split_uri(program.py_files[0])) is not None


def test_a_program_in_s3_is_taken_as_it_is_and_a_missing_one_is_named(storage, deployment, tmp_path):
    there = make_pipeline(job={"program": "s3://code/x.py"})
    assert storage.ensure_program(there, deployment) == ShippedProgram("s3://code/x.py")
    with pytest.raises(ConfigError, match=r"there is no file 'ingest\.py'"):
        storage.ensure_program(make_pipeline(), deployment.model_copy(update={"jobs_dir": str(tmp_path)}))


def test_a_uri_is_cut_at_the_first_slash():
    assert split_uri("s3://b/a/b c+%.csv") == ("b", "a/b c+%.csv")
    assert split_uri("s3://b") == ("b", "")
    assert split_uri("s3://b/s3://x") == ("b", "s3://x")


def test_a_folder_is_deleted_and_its_neighbour_is_not(storage):
    for number in range(3):
        put(storage, "sd-curated", f"flights/batch=1/part-{number}")
    put(storage, "sd-curated", "flights/batch=10/part-0")
    storage.delete_folder("s3://sd-curated/flights/batch=1")
    storage.delete_folder("s3://sd-curated/flights/batch=1")
    left = storage.client.list_objects_v2(Bucket="sd-curated")["Contents"]
    assert [found["Key"] for found in left] == ["flights/batch=10/part-0"]


def test_what_cannot_be_deleted_is_an_error(storage, monkeypatch):
    put(storage, "sd-curated", "o/1")
    answer = {"Errors": [{"Key": "o/1", "Code": "AccessDenied", "Message": "Access Denied"}]}
    monkeypatch.setattr(storage.client, "delete_objects", lambda **_: answer)
    with pytest.raises(StorageError, match="s3://sd-curated/o/1 cannot be deleted: Access Denied"):
        storage.delete_folder("s3://sd-curated/o")

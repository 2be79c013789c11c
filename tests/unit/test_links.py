"""The key of a link routes to its pipeline whatever the file is called, and parts fit S3's limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkdrop.core.catalog import CatalogArrival, CatalogPipeline
from sparkdrop.core.errors import LinkRefusedError
from sparkdrop.core.links import (
    MAX_PARTS,
    MULTIPART_MAX_BYTES,
    Link,
    LinkKind,
    LinkState,
    check_uploadable,
    choose_part_bytes,
    count_parts,
    is_over,
    make_link_id,
    make_link_key,
    make_safe_name,
)
from sparkdrop.core.patterns import find_upload_folder
from sparkdrop.core.routing import Router
from sparkdrop.core.uploads import first_id_at, is_upload_id

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "01KJMMA2G00WEQ5V2RAJCE62JH"
MIB = 2**20


def make_pipeline(*keys, mode="events", bucket=None):
    return CatalogPipeline(
        name="flights",
        arrival=CatalogArrival(mode=mode, keys=keys or ("flights/*.csv",), bucket=bucket),
        format="csv",
        max_files=1,
        max_bytes=1,
        argument_room=1,
    )


NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\"), max_size=300
)


@given(NAMES, st.sampled_from([".csv", ".csv.gz", ".ndjson.gz", ".CSV"]))
@example("℀", ".csv")  # normalizes to a/c
@example("﷽" * 200, ".csv")  # to 18 characters each
@example("..", ".csv")
@example("a.b.c" * 60, ".csv.gz")
@example("", ".csv")
@example(ID, ".csv")
@example("?*", ".csv")
def test_any_name_gives_a_key_that_routes_to_the_pipeline(name, ending):
    pipeline = make_pipeline(f"flights/daily/*{ending}")
    key = make_link_key(pipeline, ID, name + ending)
    assert key.isascii()
    assert len(key) <= 1024
    head, link_id, folder, last = key.split("/")
    assert (head, link_id, folder) == ("flights", ID, "daily")
    assert 1 <= len(last) <= 120
    assert last.endswith(ending)
    assert Router([pipeline], "uploads").route("uploads", key) == "flights"
    assert find_upload_folder(key) == ID


@given(NAMES)
def test_a_safe_name_is_one_that_shells_and_tables_take(name):
    safe = make_safe_name(name)
    assert safe.isascii()
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert safe.strip(".")
    assert make_safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Jan-2013_v1.csv", "Jan-2013_v1.csv"),
        ("Übersicht März.csv", "Ubersicht_Marz.csv"),
        ("année ② .csv", "annee_2_.csv"),
        ("日本.csv", "__.csv"),
        ("..", "__"),
        ("x" * 200 + ".csv.gz", "x" * 113 + ".csv.gz"),
        ("x" * 200, "x" * 120),
    ],
)
def test_a_person_recognizes_a_file_by_its_safe_name(name, safe):
    assert make_safe_name(name) == safe


@pytest.mark.parametrize(
    ("patterns", "name", "key"),
    [
        (["flights/*.csv"], "jan.csv", "flights/{id}/jan.csv"),
        (["flights/**"], "jan", "flights/{id}/jan"),
        (["flights/a/b/*.csv"], "jan.csv", "flights/{id}/a/b/jan.csv"),
        (["flights/a/**/b*.csv"], "jan.csv", None),
        (["flights/a/**"], "jan.csv", "flights/{id}/a/jan.csv"),
        (["flights/*/jan.csv"], "jan.csv", None),
        (["flights/jan.csv"], "jan.csv", "flights/{id}/jan.csv"),
        (["flights/*.json", "flights/csv/*.csv"], "jan.csv", "flights/{id}/csv/jan.csv"),
        (["*.csv", "flights/*.csv"], "jan.csv", "flights/{id}/jan.csv"),
        (["flights/*.CSV"], "jan.csv", None),
        (["flights/???.csv"], "jän.csv", "flights/{id}/jan.csv"),
    ],
)
def test_the_literal_folders_of_a_pattern_are_kept(patterns, name, key):
    pipeline = make_pipeline(*patterns)
    if key is None:
        with pytest.raises(LinkRefusedError, match="accepted: flights/") as refused:
            make_link_key(pipeline, ID, name)
        assert refused.value.field == "filename"
    else:
        assert make_link_key(pipeline, ID, name) == key.format(id=ID)


@pytest.mark.parametrize(
    ("patterns", "name", "message"),
    [
        (["flights/*.csv"], "", "1 to 1,024 characters"),
        (["flights/*.csv"], "x" * 1021 + ".csv", "1 to 1,024 characters"),
        (["flights/*.csv"], "a/b.csv", "without folders"),
        (["flights/*.csv"], "a\\b.csv", "without folders"),
        (["flights/*.csv"], "a\nb.csv", "no control characters"),
        (["flights/*.csv"], "a\u2028b.csv", "no control characters"),
        (["flights/*.csv"], "\ud800.csv", "no control characters"),
        (["flights/*.csv"], "jan.txt", r"accepted: flights/\*\.csv"),
        (["*.csv", "*/*.csv"], "jan.csv", "no literal folder"),
        (["flights/* *.csv"], "jan 1.csv", "'jan_1.csv', which flights does not take.* rename the file"),
        (["flights/*ä.csv"], "ä.csv", "rename the file"),
        ([f"flights/{'x' * 900}/{'y' * 100}*"], "jan.csv", "does not take|takes no file"),
        ([f"flights/{'x/' * 480}*"], "j" * 100, "does not take"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_names_that_no_key_can_be_made_of(patterns, name, message):
    with pytest.raises(LinkRefusedError, match=message) as refused:
        make_link_key(make_pipeline(*patterns), ID, name)
    assert refused.value.field == "filename"


@pytest.mark.parametrize(
    ("mode", "bucket", "accepted"),
    [
        ("events", None, True),
        ("events", "uploads", True),
        ("events", "theirs", False),
        ("sensor", None, False),
        ("none", None, False),
    ],
)
def test_links_are_for_what_hears_of_the_uploads_bucket(mode, bucket, accepted):
    pipeline = make_pipeline(mode=mode, bucket=bucket)
    if accepted:
        check_uploadable(pipeline, "uploads")
        return
    with pytest.raises(LinkRefusedError, match=f"arrival.mode: {mode}") as refused:
        check_uploadable(pipeline, "uploads")
    assert refused.value.field == "pipeline"


def test_a_pipeline_that_names_the_uploads_bucket_itself_has_links_too():
    assert make_link_key(make_pipeline(bucket="uploads"), ID, "a.csv") == f"flights/{ID}/a.csv"


@given(st.integers(1, MULTIPART_MAX_BYTES))
@example(1)
@example(8 * MIB)
@example(8 * MIB + 1)
@example(8 * MIB * MAX_PARTS)
@example(8 * MIB * MAX_PARTS + 1)
@example(MULTIPART_MAX_BYTES)
def test_parts_are_as_many_and_as_large_as_s3_takes(size):
    part_bytes = choose_part_bytes(size)
    count = count_parts(size, part_bytes)
    assert 1 <= count <= MAX_PARTS
    assert 5 * MIB <= part_bytes <= 5 * 2**30
    assert part_bytes % MIB == 0
    assert 0 < size - (count - 1) * part_bytes <= part_bytes
    # no larger than it has to be
    assert part_bytes == 8 * MIB or count_parts(size, part_bytes - MIB) > MAX_PARTS


def test_ids_sort_by_time_and_cannot_be_guessed():
    ids = [make_link_id(AT + timedelta(milliseconds=number)) for number in range(50)]
    assert ids == sorted(ids)
    assert len({one[10:] for one in ids}) == 50
    assert all(is_upload_id(one) for one in ids)
    assert first_id_at(AT) <= ids[0] < first_id_at(AT + timedelta(milliseconds=1)) <= ids[1]


@pytest.mark.parametrize("text", ["", "x", ID.lower(), ID + "0", ID[:-1] + "U", "8" + ID[1:], ID + "\n"])
def test_what_is_no_id(text):
    assert not is_upload_id(text)


LINK = Link(
    upload_id=ID,
    caller="cognito:a",
    pipeline="flights",
    filename="a.csv",
    bytes=125_000 * 60,
    sha256=None,
    content_type="text/csv",
    bucket="uploads",
    key=f"flights/{ID}/a.csv",
    kind=LinkKind.SINGLE,
    multipart_id=None,
    part_bytes=None,
    state=LinkState.OPEN,
    created_at=AT,
    expires_at=AT,
)


@pytest.mark.parametrize(
    ("kind", "seconds"), [(LinkKind.SINGLE, 70), (LinkKind.MULTIPART, 10)], ids=["single", "multipart"]
)
def test_what_began_in_time_may_land_late(kind, seconds):
    link = replace(LINK, kind=kind)
    assert not is_over(link, AT + timedelta(seconds=seconds))
    assert is_over(link, AT + timedelta(seconds=seconds, milliseconds=1))


@pytest.mark.parametrize("completed_at", [AT - timedelta(hours=3), AT, AT + timedelta(hours=3)])
def test_what_is_completed_lands_within_an_hour_or_not_at_all(completed_at):
    link = replace(LINK, state=LinkState.COMPLETED, updated_at=completed_at)
    last = max(AT, completed_at) + timedelta(hours=1)
    assert not is_over(link, last)
    assert is_over(link, last + timedelta(milliseconds=1))

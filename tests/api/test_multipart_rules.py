"""Uploads in parts, by the rules: over a bucket that fails when it shall, which the emulated S3 does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.stacks.invoke.handler.multipart import Multiparts, WantedPart, measure_part
from infra.stacks.invoke.handler.upload_store import SignedRequest, StoredPart
from sparkdrop.aws.links import Links, Quota
from sparkdrop.core.errors import IncompleteError, LinkConflictError, LinkExpiredError, LinkRefusedError
from sparkdrop.core.links import Link, LinkKind, LinkState, make_link_id

from .test_multipart import HASHES, MIB, PART, SIZE


class Bucket:
    """The uploads bucket as S3 keeps it, with hashes; `fails` once before or after it has completed."""

    def __init__(self):
        self.parts: list[StoredPart] | None = []
        self.completed = 0
        self.fails = ""

    def sign_put(self, link):
        return SignedRequest("https://put", {}, link.expires_at)

    def sign_part(self, link, number, size, sha256):
        return SignedRequest(f"https://part/{number}/{size}/{sha256}", {}, link.expires_at)

    def create_multipart(self, link):
        return f"multipart-{link.upload_id}"

    def list_parts(self, link):
        del link
        return self.parts

    def complete(self, link, parts):
        del link, parts
        fails, self.fails = self.fails, ""
        if fails == "before":
            raise TimeoutError
        self.completed += 1
        self.parts = None
        if fails == "after":
            raise TimeoutError

    def abort(self, link):
        del link
        self.parts = None


@pytest.fixture
def bucket():
    return Bucket()


@pytest.fixture
def links(api):
    return Links(api.ledger.table, api.clock)


@pytest.fixture
def multiparts(links, bucket, clock):
    return Multiparts(links, bucket, clock=clock)


@pytest.fixture
def link(links, clock):
    upload_id = make_link_id(clock())
    link = Link(
        upload_id=upload_id,
        caller="cognito:alice",
        pipeline="flights",
        filename="all.csv",
        bytes=SIZE,
        sha256=None,
        content_type="text/csv",
        bucket="sd-uploads",
        key=f"flights/{upload_id}/all.csv",
        kind=LinkKind.MULTIPART,
        multipart_id="multipart",
        part_bytes=PART,
        state=LinkState.OPEN,
        created_at=clock(),
        expires_at=clock() + timedelta(days=1),
    )
    links.open(link, Quota(9, 10**12))
    return link


@pytest.fixture
def read(links, link):
    """Reads the link as it stands."""
    return lambda: links.read(link.upload_id)


def fill(bucket, *sizes):
    bucket.parts = [StoredPart(number, size, f'"{number}"', "hash") for number, size in enumerate(sizes, 1)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_hears_no_answer_completes_again(read, bucket, multiparts, when):
    fill(bucket, PART, PART, 4 * MIB)
    bucket.fails = when
    with pytest.raises(TimeoutError):
        multiparts.complete(read())
    for _ in range(2):
        multiparts.complete(read())
    assert bucket.completed == 1
    assert read().link.state is LinkState.COMPLETED


def test_what_is_being_completed_cannot_be_cancelled_by_another_request(read, bucket, multiparts):
    fill(bucket, PART, PART, 4 * MIB)
    seen = read()
    multiparts.complete(seen)
    with pytest.raises(LinkConflictError, match="COMPLETED"):
        multiparts.cancel(seen)
    assert bucket.completed == 1


def test_what_is_cancelled_meanwhile_is_not_completed(links, read, bucket, multiparts):
    fill(bucket, PART, PART, 4 * MIB)
    seen = read()
    links.cancel(seen.link.upload_id)
    with pytest.raises(LinkConflictError, match="CANCELLED"):
        multiparts.complete(seen)
    assert bucket.completed == 0


def test_parts_that_the_bucket_has_let_go_of_are_over(read, bucket, multiparts):
    bucket.parts = None
    for call in (multiparts.complete, multiparts.list_parts):
        with pytest.raises(LinkExpiredError, match="begin again"):
            call(read())


@pytest.mark.parametrize(
    ("sizes", "missing"),
    [((), (1, 2, 3)), ((PART, PART), (3,)), ((PART, PART - 1, 4 * MIB), (2,)), ((PART, PART, PART), (3,))],
)
def test_what_is_missing_is_named(read, bucket, multiparts, sizes, missing):
    fill(bucket, *sizes)
    with pytest.raises(IncompleteError) as error:
        multiparts.complete(read())
    assert error.value.parts == missing
    assert read().link.state is LinkState.OPEN


def test_of_many_that_are_missing_ten_are_named(read, bucket, multiparts):
    found = read()
    large = replace(found, link=replace(found.link, bytes=100 * PART))
    fill(bucket, PART)
    with pytest.raises(IncompleteError, match="and 89 more of 100") as error:
        multiparts.complete(large)
    assert error.value.parts == tuple(range(2, 12))


def test_a_part_is_as_large_as_its_place_says(link, read, multiparts):
    signed = multiparts.sign_parts(read(), [WantedPart(3, HASHES[2]), WantedPart(1, HASHES[0])])
    assert [(part.number, part.size) for part in signed] == [(3, 4 * MIB), (1, PART)]
    for number in (0, 4):
        with pytest.raises(LinkRefusedError, match="the parts 1 to 3"):
            measure_part(link, number)

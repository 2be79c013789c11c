"""Files through the API, with everything that may go wrong on the way."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from sparkdrop.client.api import ApiClient
from sparkdrop.client.credentials import SignatureAuth, TokenAuth, choose_auth
from sparkdrop.client.following import Followed, Follower
from sparkdrop.client.sending import Sender
from sparkdrop.core.errors import ApiError

from .fake_api import API, TOKEN, FakeApi, problem

BODY = bytes(range(256)) * 4


@contextmanager
def open_client(fake: FakeApi, pauses: list[float] | None = None) -> Iterator[tuple[ApiClient, Sender]]:
    sleep = (pauses if pauses is not None else []).append
    with (
        ApiClient(API, TokenAuth(TOKEN), transport=fake, sleep=sleep) as api,
        Sender(api, transport=fake, sleep=sleep, one_request_bytes=100) as sender,
    ):
        yield api, sender


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(body: bytes) -> Path:
        path = tmp_path / "x.csv"
        path.write_bytes(body)
        return path

    return write


@given(size=st.integers(0, 250), part_size=st.integers(1, 120))
def test_what_arrives_is_what_was_sent(
    tmp_path_factory: pytest.TempPathFactory, size: int, part_size: int
) -> None:
    path = tmp_path_factory.mktemp("sent") / "ü x.csv"
    path.write_bytes(BODY[:size])
    fake = FakeApi(part_size=part_size)
    counted: list[int] = []
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [path], counted.append)
    assert (sent.error, sent.bytes, sum(counted)) == (None, size, size)
    (stored,) = fake.uploads.values()
    assert (stored.filename, stored.body) == ("ü x.csv", BODY[:size])
    assert bool(stored.parts) == (size > 100)


def test_one_refused_file_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.csv", "x.pdf", "none.csv")]
    for path in paths[:2]:
        path.write_bytes(b"a\n1\n")
    with open_client(FakeApi()) as (_, sender):
        sent = {each.path.name: each for each in sender.send_all("flights", paths)}
    assert sent["a.csv"].error is None
    assert sent["x.pdf"].error == (
        "The pipeline may not do this: x.pdf is not taken; accepted: flights/*.csv (request r-1)"
    )
    assert "No such file" in str(sent["none.csv"].error)


@pytest.mark.parametrize("size", [50, 250], ids=["one request", "parts"])
def test_what_fails_for_a_while_is_sent_again_and_counted_once(
    write: Callable[[bytes], Path], size: int
) -> None:
    fake, failed, pauses, counted = FakeApi(), set[str](), list[float](), list[int]()
    lock = threading.Lock()

    def fail_once(request: httpx.Request) -> httpx.Response | None:
        with lock:
            key = f"{request.method} {request.url}"
            if key in failed:
                return None
            failed.add(key)
        if request.url.host == "s3.test":
            raise httpx.ReadError("the network is gone")
        return httpx.Response(503, headers={"Retry-After": "7"})

    fake.before = fail_once
    with open_client(fake, pauses) as (_, sender):
        (sent,) = sender.send_all("flights", [write(BODY[:size])], counted.append)
    assert (sent.error, sum(counted)) == (None, size)
    assert next(iter(fake.uploads.values())).body == BODY[:size]
    assert 7.0 in pauses


def test_an_answer_that_is_lost_is_no_failure(write: Callable[[bytes], Path]) -> None:
    fake, lost = FakeApi(), list[str]()

    def lose_first(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == "s3.test" and not lost:
            lost.append(str(request.url))
            raise httpx.ReadTimeout("")
        return None

    fake.after = lose_first
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [write(b"1,2\n")])
    assert (sent.error, len(lost)) == (None, 1)


def test_a_link_that_somebody_used_before_is_a_failure(write: Callable[[bytes], Path]) -> None:
    fake = FakeApi()
    fake.before = lambda request: httpx.Response(412, text="taken") if request.url.host == "s3.test" else None
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [write(b"1,2\n")])
    assert sent.error == "S3 answered 412: taken"


def test_an_upload_in_parts_goes_on_where_it_was_cut_off(write: Callable[[bytes], Path]) -> None:
    path, fake = write(BODY[:250]), FakeApi(part_size=50)
    fake.before = lambda request: httpx.Response(403) if request.url.path.endswith("/4") else None
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [path])
        (upload_id,) = fake.uploads
        assert (sent.upload_id, sent.error) == (None, "S3 answered 403: ")
        there = set(fake.uploads[upload_id].parts)
        assert 4 not in there
        fake.before = lambda _: None
        fake.calls.clear()
        counted: list[int] = []
        sender.resume(upload_id, path, counted.append)
    assert fake.uploads[upload_id].body == BODY[:250]
    assert sum(counted) == 250
    resent = {int(call.rsplit("/", 1)[1]) for call in fake.calls if call.startswith("PUT ")}
    assert resent == set(range(1, 6)) - there


def test_an_upload_in_parts_is_announced_before_its_first_part(write: Callable[[bytes], Path]) -> None:
    path, fake, told = write(BODY[:250]), FakeApi(part_size=50), list[tuple[Path, str, int]]()

    def announce(begun: Path, upload_id: str) -> None:
        told.append((begun, upload_id, len(fake.uploads[upload_id].parts)))

    with (
        open_client(fake) as (api, _),
        Sender(api, transport=fake, one_request_bytes=100, announce=announce) as sender,
    ):
        (sent,) = sender.send_all("flights", [path])
    assert told == [(path, sent.upload_id, 0)]


def test_a_completion_whose_answer_was_lost_is_asked_for_again(write: Callable[[bytes], Path]) -> None:
    path, fake = write(BODY[:250]), FakeApi(part_size=50)
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [path])
        fake.before = lambda request: (
            problem(409, "conflict", "It is past that", "it is COMPLETED already")
            if request.url.path.endswith("/parts")
            else None
        )
        fake.calls.clear()
        sender.resume(str(sent.upload_id), path)
    assert set(fake.calls) == {
        f"GET /dev/uploads/{sent.upload_id}/parts",
        f"POST /dev/uploads/{sent.upload_id}/complete",
    }


def test_whoever_stops_to_listen_does_not_wait_for_the_rest_of_a_file(write: Callable[[bytes], Path]) -> None:
    large = write(BODY)
    small = large.with_name("small.csv")
    small.write_bytes(b"1")
    fake, first_is_through, may_go_on = FakeApi(part_size=10), threading.Event(), threading.Event()

    def hold(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == "s3.test" and not request.url.path.endswith("/whole"):
            first_is_through.set()
            assert may_go_on.wait(10)
        return None

    fake.before = hold
    with open_client(fake) as (_, sender):
        sending = sender.send_all("flights", [large, small])
        assert next(sending).path == small
        assert first_is_through.wait(10)
        threading.Timer(0.05, may_go_on.set).start()
        sending.close()
    (begun,) = [stored for stored in fake.uploads.values() if stored.size == len(BODY)]
    assert begun.body is None
    assert len(begun.parts) < len(BODY) / 10


def test_a_put_that_meets_an_earlier_one_under_way_is_tried_again(write: Callable[[bytes], Path]) -> None:
    fake, met = FakeApi(), list[str]()

    def meet_once(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == "s3.test" and not met:
            met.append(str(request.url))
            return httpx.Response(409, text="<Code>ConditionalRequestConflict</Code>")
        return None

    fake.before = meet_once
    with open_client(fake) as (_, sender):
        (sent,) = sender.send_all("flights", [write(b"1,2\n")])
    assert (sent.error, len(met), len(fake.uploads)) == (None, 1, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [(BODY[:240], "is of a file of 250 bytes"), (b"?" + BODY[1:250], "has changed since upload")],
)
def test_another_file_does_not_go_on_with_an_upload(
    write: Callable[[bytes], Path], body: bytes, message: str
) -> None:
    fake = FakeApi(part_size=50)
    with open_client(fake) as (api, sender):
        upload_id = api.open_multipart("flights", "x.csv", 250)["upload_id"]
        fake.uploads[upload_id].parts[1] = BODY[:50]
        with pytest.raises(ApiError, match=message):
            sender.resume(upload_id, write(body))
    assert set(fake.uploads[upload_id].parts) == {1}


# following


def test_an_upload_is_looked_at_as_often_as_the_api_says() -> None:
    fake, now = FakeApi(), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with open_client(fake) as (api, sender):
        link = api.open_link("flights", "x.csv", 1, "00" * 32)
        assert sender
        followed = Followed(link["upload_id"], "x.csv", "flights")
        follower = Follower(api, [followed], clock=lambda: now[0], sleep=sleep)
        states = [followed.state for _ in follower.watch(timeout=timedelta(minutes=1))]
    assert states == ["AWAITING_UPLOAD", "PENDING", "CLAIMED", "RUNNING", "SUCCEEDED"]
    assert now[0] == 8.0
    assert (followed.succeeded, followed.view["rows_out"], follower.open) == (True, 4, [])


def test_following_ends_with_its_time() -> None:
    fake, now = FakeApi(), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with open_client(fake) as (api, _):
        link = api.open_link("flights", "x.csv", 1, "00" * 32)
        follower = Follower(
            api, [Followed(link["upload_id"], "x.csv", "flights")], clock=lambda: now[0], sleep=sleep
        )
        assert list(follower.watch(timeout=timedelta(seconds=3))) == [True, True, False]
    assert (now[0], follower.open[0].state) == (3.0, "PENDING")


# the API's errors


def test_a_used_up_quota_is_told_at_once() -> None:
    fake, pauses = FakeApi(), list[float]()
    fake.before = lambda _: problem(429, "quota-exceeded", "The quota is used up", "Wait until midnight.")
    with (
        open_client(fake, pauses) as (api, _),
        pytest.raises(ApiError, match="Wait until midnight") as caught,
    ):
        api.list_pipelines()
    assert (caught.value.status, caught.value.type, pauses) == (
        429,
        "urn:sparkdrop:problem:quota-exceeded",
        [],
    )


def test_an_answer_that_is_no_problem_document_is_shown() -> None:
    fake = FakeApi()
    fake.before = lambda _: httpx.Response(404, text="<html>nothing here")
    with open_client(fake) as (api, _), pytest.raises(ApiError, match="dev/pipelines answered 404: <html>"):
        api.list_pipelines()


def test_no_answer_is_an_error_after_some_attempts() -> None:
    fake, pauses = FakeApi(), list[float]()

    def refuse(_: httpx.Request) -> None:
        raise httpx.ConnectError("nobody listens")

    fake.before = refuse
    with open_client(fake, pauses) as (api, _), pytest.raises(ApiError, match="5 attempts: nobody listens"):
        api.list_pipelines()
    assert pauses == [0.5, 1.0, 2.0, 4.0]


# credentials


def test_a_token_comes_before_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert isinstance(choose_auth({"SPARKDROP_API_TOKEN": "t"}), TokenAuth)
    assert isinstance(choose_auth({}), SignatureAuth)


def test_without_either_there_is_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert choose_auth({}) is None


def test_a_signature_covers_query_body_and_session() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Amz-Security-Token"] == "session"
        seen.append(request.headers["Authorization"])
        return httpx.Response(200, json={})

    auth = SignatureAuth(Credentials("key", "secret", "session"), "eu-west-1")
    with httpx.Client(auth=auth, transport=httpx.MockTransport(answer)) as http:
        http.get("https://api.test/dev/uploads", params={"pipeline": "a b"})
        http.get("https://api.test/dev/uploads", params={"pipeline": "a c"})
        http.post("https://api.test/dev/uploads", json={"a": 1})
        http.post("https://api.test/dev/uploads", json={"a": 2})
    assert len(set(seen)) == 4
    assert all("/eu-west-1/execute-api/aws4_request" in each for each in seen)

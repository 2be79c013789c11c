"""``sparkdrop upload`` through the API."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sparkdrop.cli import main
from sparkdrop.client.sending import Sender

from .fake_api import API, TOKEN, FakeApi


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    fake = FakeApi()
    fake.pause = "0"
    monkeypatch.setattr(
        httpx.HTTPTransport, "handle_request", lambda _, request: fake.handle_request(request)
    )
    monkeypatch.setenv("SPARKDROP_API_URL", API)
    monkeypatch.setenv("SPARKDROP_API_TOKEN", TOKEN)
    return fake


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "01.csv"
    path.write_text("a,b\n1,2\n")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.build_app(), ["upload", *arguments])


def test_upload_needs_nothing_of_aws(fake: FakeApi, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "SPARKDROP_LEDGER_TABLE"):
        monkeypatch.delenv(name, raising=False)
    done = run(str(file), "--pipeline", "flights", "--json")
    (record,) = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    assert (record["filename"], record["size"], record["state"]) == ("01.csv", 8, "AWAITING_UPLOAD")
    assert fake.uploads[record["upload_id"]].body == b"a,b\n1,2\n"


def test_upload_waits_for_the_end(fake: FakeApi, file: Path) -> None:
    done = run(str(file), "--pipeline", "flights", "--wait")
    assert done.exit_code == 0
    assert fake.uploads
    assert "01.csv  RUNNING\n01.csv  SUCCEEDED\n" in done.stderr
    assert "SUCCEEDED" in done.stdout


def test_upload_that_is_quarantined_exits_1_with_the_reason(fake: FakeApi, file: Path) -> None:
    fake.end = "QUARANTINED"
    done = run(str(file), "--pipeline", "flights", "--wait")
    assert done.exit_code == 1
    assert "error: 01.csv: QUARANTINED: the gzip is cut off" in done.stderr


def test_upload_that_does_not_end_in_time_exits_1(fake: FakeApi, file: Path) -> None:
    fake.pause = "60"
    done = run(str(file), "--pipeline", "flights", "--wait", "--timeout", "10ms")
    assert done.exit_code == 1
    assert "01.csv: still AWAITING_UPLOAD after 0.01 s" in done.stderr


def test_what_was_sent_is_told_where_nobody_says_how_it_stands(fake: FakeApi, file: Path) -> None:
    def refuse_looks(request: httpx.Request) -> httpx.Response | None:
        is_look = request.method == "GET" and "/uploads/" in request.url.path
        return httpx.Response(403, text="filtered") if is_look else None

    fake.before = refuse_looks
    done = run(str(file), "--pipeline", "flights", "--wait", "--json")
    (upload_id,) = fake.uploads
    assert (done.exit_code, json.loads(done.stdout)[0]["upload_id"]) == (1, upload_id)
    assert "how the uploads stand is not known" in done.stderr


def test_an_upload_in_parts_says_how_to_go_on_with_it(
    fake: FakeApi, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Sender.__init__, "__kwdefaults__", {**(Sender.__init__.__kwdefaults__ or {}), "one_request_bytes": 1}
    )
    done = run(str(file), "--pipeline", "flights", "--json")
    (upload_id,) = fake.uploads
    assert done.exit_code == 0
    assert f"sparkdrop upload {file} --pipeline flights --resume {upload_id}" in done.stderr


def test_a_refused_file_exits_1_and_the_others_are_sent(fake: FakeApi, file: Path) -> None:
    refused = file.with_name("x.pdf")
    refused.touch()
    done = run(str(refused), str(file), "--pipeline", "flights", "--json")
    assert (done.exit_code, len(json.loads(done.stdout))) == (1, 1)
    assert f"{refused} was not uploaded: The pipeline may not do this: x.pdf is not taken" in done.stderr
    assert len(fake.uploads) == 1


def test_an_upload_in_parts_is_resumed(fake: FakeApi, file: Path) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        begun = http.post(f"{API}/uploads", json={"filename": "01.csv", "size": 8}).json()
    done = run(str(file), "--pipeline", "flights", "--resume", begun["upload_id"], "--json")
    assert (done.exit_code, json.loads(done.stdout)[0]["upload_id"]) == (0, begun["upload_id"])
    assert fake.uploads[begun["upload_id"]].body == b"a,b\n1,2\n"


def test_a_token_that_is_not_taken_is_one_line(
    fake: FakeApi, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKDROP_API_TOKEN", "old")
    done = run(str(file), "--pipeline", "flights")
    assert (done.exit_code, fake.uploads) == (1, {})
    assert "was not uploaded: Not signed in: Sign in again. (request r-1)" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "unset", "message"),
    [
        ([], "SPARKDROP_API_URL", "no API is named: SPARKDROP_API_URL is not set"),
        (["--resume", "x", "--direct"], None, "--resume goes on with one file"),
        (["--timeout", "5"], None, "--timeout: found '5'; accepted: a duration"),
    ],
)
def test_wrong_usage_exits_2_before_anything_is_sent(
    fake: FakeApi,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    arguments: list[str],
    unset: str | None,
    message: str,
) -> None:
    if unset:
        monkeypatch.delenv(unset)
    done = run(str(file), "--pipeline", "flights", *arguments)
    assert (done.exit_code, done.stdout, fake.uploads) == (2, "", {})
    assert message in done.stderr


def test_without_token_and_credentials_the_error_says_where_to_get_them(
    fake: FakeApi, file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "SPARKDROP_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    done = run(str(file), "--pipeline", "flights")
    assert (done.exit_code, fake.uploads) == (2, {})
    assert "SPARKDROP_API_TOKEN is not set" in done.stderr

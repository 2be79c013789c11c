"""The API on the running system: from a file and a token to rows in Parquet, or to why there are none."""

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import ApiUser
from tests.e2e.system import SPARKDROP, System, read_flights, run_sparkdrop, wait_for

pytestmark = pytest.mark.e2e
DOCUMENTATION = Path(__file__).parents[2] / "README.md"
HEADER = "name,age,city\n"
MEBIBYTE = 1024 * 1024
# the command sends files in one request up to 64 MiB, and parts have 8 MiB
LARGE_ROWS, PARTS = 70, 9
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def sent(demo: ApiUser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ids of uploads by what they are: all on their way at once, so that they are few batches."""
    large = tmp_path_factory.mktemp("files") / "large.csv"
    with large.open("w") as out:
        out.write(HEADER)
        out.writelines(f"P{number},{number},{'x' * MEBIBYTE}\n" for number in range(LARGE_ROWS))
    (view,) = run_upload(demo, large, "--pipeline", "people")
    zipped = gzip.compress((HEADER + "Ada,36,London\n" * 5_000).encode())
    return {
        "large": view["upload_id"],
        "truncated": demo.upload("people", "truncated.csv.gz", zipped[: len(zipped) // 2]),
        "failing": demo.upload("failing", "one.csv", b"a\n1\n"),
        "good": demo.upload("people", "good.csv", f"{HEADER}Ada,36,London\n".encode()),
    }


def run_upload(user: ApiUser, file: Path, *options: str) -> list[dict[str, Any]]:
    done = run_sparkdrop("upload", str(file), *options, "--json", env=user.environment)
    assert done.returncode == 0, done.stderr
    views: list[dict[str, Any]] = json.loads(done.stdout)
    return views


def read_own_rows(system: System, view: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the rows of an upload's output that are from its file."""
    prefix = view["output"].removeprefix(f"s3://{system['CURATED_BUCKET']}/")
    return [row for row in system.read_rows(f"{prefix}/") if row["_source_key"] == view["key"]]


@pytest.fixture(scope="module")
def documented(system: System, demo: ApiUser, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What the documentation's three calls did, beside a file as they name it."""
    folder = tmp_path_factory.mktemp("documented")
    (folder / "flights.csv").write_text(read_flights(10))
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENTATION.read_text(encoding="utf-8"), re.S | re.M)
    (commands,) = [block for block in blocks if "/upload-url" in block]
    environment = {name: value for name, value in demo.environment.items() if "SPARKDROP" not in name}
    path = f"{Path(SPARKDROP).parent}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**environment, "PATH": path, "SPARKDROP_HOME": str(system.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_three_calls_of_the_documentation_send_a_file(documented: Done) -> None:
    assert documented.returncode == 0, documented.stderr
    assert json.loads(documented.stdout)["filename"] == "flights.csv"


def test_who_asks_again_is_told_only_what_has_changed(demo: ApiUser, sent: dict[str, str]) -> None:
    path = f"/uploads/{sent['good']}"
    seen: dict[str, dict[str, Any]] = {}
    unchanged = 0
    known: dict[str, str] = {}

    def look() -> bool:
        nonlocal unchanged
        answer = demo.call("GET", path, headers=known)
        tag = answer.headers["ETag"]
        if answer.status_code == 304:
            assert (answer.content, tag) == (b"", known["If-None-Match"])
            unchanged += 1
        else:
            assert tag not in seen
            seen[tag] = answer.json()
        known["If-None-Match"] = tag
        has_ended = seen[tag]["state"] == "SUCCEEDED"
        assert ("Retry-After" in answer.headers) is not has_ended
        return has_ended and answer.status_code == 304

    wait_for(f"end of {path}", look)
    states = [view["state"] for view in seen.values()]
    assert unchanged > 1
    assert states[-1] == "SUCCEEDED"
    assert states == sorted(
        states, key=["AWAITING_UPLOAD", "PENDING", "CLAIMED", "RUNNING", "SUCCEEDED"].index
    )


def test_a_file_becomes_parquet_without_aws_credentials(
    system: System, demo: ApiUser, tmp_path: Path
) -> None:
    file = tmp_path / "2013-01.csv"
    file.write_text(read_flights(50))

    (view,) = run_upload(demo, file, "--pipeline", "flights", "--wait")

    assert (view["state"], view["filename"], view["owner"]) == ("SUCCEEDED", "2013-01.csv", "me"), view
    assert (view["rows_in"], view["rows_out"], view["rows_rejected"]) == (50, 50, 0)
    rows = read_own_rows(system, view)
    assert len(rows) == 50
    assert {row["carrier"] for row in rows} >= {"UA", "AA"}


def test_a_large_file_goes_up_in_parts(system: System, demo: ApiUser, sent: dict[str, str]) -> None:
    view = demo.wait_for_end(f"/uploads/{sent['large']}")

    assert (view["state"], view["filename"]) == ("SUCCEEDED", "large.csv"), view
    head = system.s3.head_object(Bucket=view["bucket"], Key=view["key"])
    assert head["ETag"].endswith(f'-{PARTS}"'), head
    rows = read_own_rows(system, view)
    assert sorted(row["age"] for row in rows) == list(range(LARGE_ROWS))
    assert {len(row["city"]) for row in rows} == {MEBIBYTE}


def test_what_became_of_bad_files_is_told_with_its_reason(
    system: System, demo: ApiUser, sent: dict[str, str]
) -> None:
    quarantined, failed = (demo.wait_for_end(f"/uploads/{sent[name]}") for name in ("truncated", "failing"))

    assert quarantined["state"] == "QUARANTINED", quarantined
    assert "the gzip file is truncated" in quarantined["reason"]
    assert failed["state"] == "FAILED", failed
    assert "the ledger of the moon is closed on Mondays" in failed["reason"]
    assert "the ledger of the moon is closed on Mondays" in failed["log_excerpt"]
    assert failed["log"].startswith(f"s3://{system['LOGS_BUCKET']}/")
    assert [move["state"] for move in failed["history"]][-1] == "FAILED"


def test_what_the_three_calls_sent_is_processed(demo: ApiUser, documented: Done) -> None:
    view = demo.wait_for_end(f"/uploads/{json.loads(documented.stdout)['upload_id']}")

    assert (view["state"], view["rows_out"]) == ("SUCCEEDED", 10), view

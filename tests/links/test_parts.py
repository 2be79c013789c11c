"""Each way to misuse the link of a part: S3 refuses it, and `complete` says that the part is not there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.links.sending import Sending, read_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_process import Api

PART_BYTES = 8 * 1024 * 1024
BODIES = (b"2013,1,1" * (PART_BYTES // 8), b"2013,1,2")


class Parts:
    """An upload in two parts, the first of 8 MiB."""

    def __init__(self, api: Api, token: str) -> None:
        self._api, self._token = api, token
        size = sum(map(len, BODIES))
        begun = self.call("POST", "", json={"pipeline": "flights", "filename": "year.csv", "size": size})
        assert begun.status_code == 201, begun.text
        assert (begun.json()["part_size"], begun.json()["part_count"]) == (PART_BYTES, 2)
        self.upload_id: str = begun.json()["upload_id"]

    def call(self, method: str, path: str, **request: Any) -> Any:
        return self._api.call(method, f"/uploads{path}", token=self._token, **request)

    def make_links(self) -> list[Sending]:
        named = [f"{number}:{hashlib.sha256(body).hexdigest()}" for number, body in enumerate(BODIES, 1)]
        told = self.call("GET", f"/{self.upload_id}/parts", params={"part": named}).json()
        return [
            Sending(one["url"], one["headers"], body) for one, body in zip(told["urls"], BODIES, strict=True)
        ]

    def complete(self) -> Any:
        return self.call("POST", f"/{self.upload_id}/complete")


@pytest.fixture
def begin(api: Api, token: str) -> Callable[[], Parts]:
    return lambda: Parts(api, token)


def test_the_link_of_a_part_is_for_that_part_alone(begin: Callable[[], Parts]) -> None:
    upload, another = begin(), begin()
    first, second = upload.make_links()
    of_another = another.make_links()[0]
    swapped, reversed_, renumbered, moved = (first.copy() for _ in range(4))
    swapped.body = second.body
    reversed_.body = first.body[::-1]
    renumbered.change_query(partNumber="2")
    moved.url = f"{of_another.url.partition('?')[0]}?{first.url.partition('?')[2]}"
    for changed, error in (
        (swapped, (403, "SignatureDoesNotMatch")),
        (reversed_, (400, "BadDigest")),
        (renumbered, (403, "SignatureDoesNotMatch")),
        (moved, (403, "SignatureDoesNotMatch")),
    ):
        assert read_error(changed.send()) == error
    assert second.send().status_code == 200
    refused = upload.complete()
    assert (refused.status_code, refused.json()["parts"]) == (409, [1])
    # a part may come again as it was: nothing is made of the parts yet
    assert [first.send().status_code, first.send().status_code] == [200, 200]
    done = upload.complete()
    assert (done.status_code, done.json()["size"]) == (200, sum(map(len, BODIES))), done.text
    assert read_error(second.send()) == (404, "NoSuchUpload")


def test_what_was_let_go_of_takes_no_parts(begin: Callable[[], Parts]) -> None:
    upload = begin()
    _, second = upload.make_links()
    assert upload.call("DELETE", f"/{upload.upload_id}").status_code == 204
    assert read_error(second.send()) == (404, "NoSuchUpload")
    assert upload.complete().status_code == 409

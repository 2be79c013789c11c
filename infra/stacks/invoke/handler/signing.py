"""The uploads bucket through the upload role: signed requests, and multipart uploads.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from sparkdrop.core.errors import BusyError

from .upload_store import SignedRequest, StoredPart

if TYPE_CHECKING:
    from sparkdrop.core.links import Link

    from .upload_role import UploadRole

_CONTENT_LENGTH = "Content-Length"


class SigningStore:
    """Signs what a link is for: nobody can send another size, another content, or send it twice.

    Args:
        role: Who signs.
        account_id: Whose the bucket has to be.
        link_seconds: How long a signature is good for.
    """

    def __init__(self, role: UploadRole, *, account_id: str, link_seconds: int) -> None:
        self._role = role
        self._account_id = account_id
        self._link_seconds = link_seconds

    def sign_put(self, link: Link) -> SignedRequest:
        """Sign the one request that a link is for."""
        headers = {
            _CONTENT_LENGTH: ("ContentLength", link.bytes),
            "Content-Type": ("ContentType", link.content_type),
            "If-None-Match": ("IfNoneMatch", "*"),
            "x-amz-checksum-sha256": ("ChecksumSHA256", encode_sha256(link.sha256 or "")),
        }
        return self._sign("put_object", link, headers, {})

    def sign_part(self, link: Link, number: int, size: int, sha256: str) -> SignedRequest:
        """Sign the upload of one part, whose hash is given in hex."""
        headers: dict[str, tuple[str, object]] = {
            _CONTENT_LENGTH: ("ContentLength", size),
            "x-amz-checksum-sha256": ("ChecksumSHA256", encode_sha256(sha256)),
        }
        return self._sign("upload_part", link, headers, {"UploadId": link.multipart_id, "PartNumber": number})

    def create_multipart(self, link: Link) -> str:
        """Begin a multipart upload, whose every part has a hash; answers S3's id of it."""
        answer = self._role.get_client().create_multipart_upload(
            **self._name(link), ContentType=link.content_type, ChecksumAlgorithm="SHA256"
        )
        return str(answer["UploadId"])

    def list_parts(self, link: Link) -> list[StoredPart] | None:
        """List all parts that S3 has, in their order; None where it knows of no such multipart upload."""
        pages = self._role.get_client().get_paginator("list_parts")
        try:
            return [
                StoredPart(part["PartNumber"], part["Size"], part["ETag"], part.get("ChecksumSHA256"))
                for page in pages.paginate(**self._name(link), UploadId=link.multipart_id)
                for part in page.get("Parts", [])
            ]
        except ClientError as error:
            if _read_code(error) == "NoSuchUpload":
                return None
            raise

    def complete(self, link: Link, parts: list[StoredPart]) -> None:
        """Make one object of the parts; where that is done already, nothing changes.

        Raises:
            BusyError: Another request does it at this moment, and is not done.
        """
        listed = [_describe_part(part) for part in parts]
        try:
            self._role.get_client().complete_multipart_upload(
                **self._name(link),
                UploadId=link.multipart_id,
                MultipartUpload={"Parts": listed},
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = _read_code(error)
            if code == "ConditionalRequestConflict":
                if self.list_parts(link) is None:
                    return  # by now the other one is done
                raise BusyError(
                    f"another request completes {link.upload_id} right now: ask for it again"
                ) from error
            # the key is this link's alone: what lies there is the very object
            if code not in {"NoSuchUpload", "PreconditionFailed"}:
                raise

    def abort(self, link: Link) -> None:
        """Let go of all parts; where there are none any more, nothing changes."""
        try:
            self._role.get_client().abort_multipart_upload(**self._name(link), UploadId=link.multipart_id)
        except ClientError as error:
            if _read_code(error) != "NoSuchUpload":
                raise

    def _name(self, link: Link) -> dict[str, Any]:
        return {"Bucket": link.bucket, "Key": link.key, "ExpectedBucketOwner": self._account_id}

    def _sign(
        self, operation: str, link: Link, headers: dict[str, tuple[str, object]], more: dict[str, Any]
    ) -> SignedRequest:
        client = self._role.get_client()
        seconds, expires_at = self._role.find_expiry(self._link_seconds)
        parameters = self._name(link) | more | dict(headers.values())
        url = str(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds))
        told = {name: str(value) for name, (_, value) in headers.items()}
        told["x-amz-expected-bucket-owner"] = self._account_id
        check_signed(url, told)
        return SignedRequest(
            url, {name: value for name, value in told.items() if name != _CONTENT_LENGTH}, expires_at
        )


def check_signed(url: str, headers: dict[str, str]) -> None:
    """Check that a URL holds for these headers alone: botocore may fall back to signing the key and no more.

    Raises:
        AssertionError: It holds for others.
    """
    signed = parse_qs(urlsplit(url).query).get("X-Amz-SignedHeaders", [""])[0].split(";")
    wanted = sorted(["host", *(name.lower() for name in headers)])
    if signed != wanted:
        raise AssertionError(f"signed are the headers {signed}, and not {wanted}")


def encode_sha256(hexadecimal: str) -> str:
    """Write a hash as S3 does, in base64."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def decode_sha256(text: str) -> str:
    """Write a hash of S3's in hex."""
    return base64.b64decode(text).hex()


def _describe_part(part: StoredPart) -> dict[str, object]:
    described: dict[str, object] = {"PartNumber": part.number, "ETag": part.etag}
    return described | ({"ChecksumSHA256": part.sha256} if part.sha256 else {})


def _read_code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])

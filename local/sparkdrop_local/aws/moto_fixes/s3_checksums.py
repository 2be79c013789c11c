"""Checksums that S3 tells: of objects, of parts, of what was put together from them.

moto 5.2.5 keeps a checksum only where another header names its algorithm, none of a part, and tells none of a
completed upload. It also takes any key for an upload's own. What S3 does:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from moto.core.responses import ActionResult
from moto.s3.exceptions import MalformedXML, NoSuchUpload, S3ClientError
from moto.s3.responses import S3Response

# the one hook has two fixes: what this one does not answer, the other does
from sparkdrop_local.aws.moto_fixes.bucket_notifications import serialized as _serialize
from sparkdrop_local.aws.moto_fixes.s3_multipart import (
    COMPOSITE,
    FULL_OBJECT,
    TYPE_HEADER,
    Completion,
    NamedPart,
    find_algorithm,
    read_checksum,
)

if TYPE_CHECKING:
    from moto.core.common_types import TYPE_RESPONSE
    from moto.s3.models import FakeKey, FakeMultipart

ALGORITHMS = ("SHA256", "SHA1", "CRC32", "CRC32C", "CRC64NVME")
_PREFIX = "x-amz-checksum-"
_get_checksum = S3Response._get_checksum  # noqa: SLF001 - moto has no public place for it
_upload_part = S3Response.upload_part
_list_parts = S3Response.list_parts
_abort = S3Response.abort_multipart_upload
_head = S3Response.head_object


def get_checksum(self: S3Response, response_headers: dict[str, Any]) -> tuple[str, str | None]:
    """Take a request's checksum as moto does, and where nothing but itself names its algorithm."""
    if "x-amz-sdk-checksum-algorithm" not in self.headers:
        for algorithm in ALGORITHMS:
            if value := self.headers.get(_PREFIX + algorithm.lower()):
                response_headers[_PREFIX + algorithm.lower()] = value
                return algorithm, value
    algorithm, value = _get_checksum(self, response_headers)
    return algorithm, value


def check_upload(self: S3Response) -> FakeMultipart:
    """Find the upload that a request names.

    Raises:
        NoSuchUpload: There is none, or it is of another key.
    """
    upload_id = self._get_param("uploadId")
    upload: FakeMultipart = self.backend.get_bucket(self.bucket_name).multiparts[upload_id]
    if upload.key_name != self.parse_key_name():
        raise NoSuchUpload(upload_id=upload_id)
    return upload


def upload_part(self: S3Response) -> TYPE_RESPONSE:
    """Take a part, and keep its checksum.

    Raises:
        S3ClientError: InvalidRequest, where the checksum is not of the upload's kind.
    """
    upload = check_upload(self)
    expected, kind = find_algorithm(upload)
    given, value = self._get_checksum({})
    if expected and kind == COMPOSITE and given != expected:
        names = f"expected checksum Type: {expected.lower()}, actual checksum Type: {given.lower() or 'null'}"
        raise S3ClientError("InvalidRequest", f"Checksum Type mismatch occurred, {names}")
    answer: TYPE_RESPONSE = _upload_part(self)
    part = upload.parts[self._get_int_param("partNumber")]
    part.checksum_algorithm, part.checksum_value = given or None, value
    return answer


def list_parts(self: S3Response) -> TYPE_RESPONSE:
    """List the parts of the key's own upload."""
    check_upload(self)
    answer: TYPE_RESPONSE = _list_parts(self)
    return answer


def abort_multipart_upload(self: S3Response) -> TYPE_RESPONSE:
    """Abort the key's own upload."""
    check_upload(self)
    answer: TYPE_RESPONSE = _abort(self)
    return answer


def parse_completion(self: S3Response, body: bytes) -> Completion:
    """Read a request to complete an upload."""
    check_upload(self)
    try:
        root = ET.fromstring(body)  # noqa: S314 - of a client on this machine
    except ET.ParseError as error:
        raise MalformedXML from error
    parts = []
    for element in root.iterfind("{*}Part"):
        fields = {field.tag.rpartition("}")[2]: field.text or "" for field in element}
        checksums = {name: fields[f"Checksum{name}"] for name in ALGORITHMS if f"Checksum{name}" in fields}
        parts.append(NamedPart(int(fields["PartNumber"]), fields.get("ETag", "").strip('"'), checksums))
    size = self.headers.get("x-amz-mp-object-size")
    named = {name: self.headers.get(_PREFIX + name.lower()) for name in ALGORITHMS}
    checksums = {name: value for name, value in named.items() if value}
    return Completion(parts, None if size is None else int(size), checksums)


def head_object(self: S3Response, *arguments: Any, **named: Any) -> TYPE_RESPONSE:
    """Answer as moto does, with the number of parts and the type of the checksum."""
    status, headers, body = _head(self, *arguments, **named)
    told = next((name for name in headers if name.removeprefix(_PREFIX).upper() in ALGORITHMS), None)
    if told is not None:
        version = self.querystring.get("versionId", [None])[0]
        key: Any = self.backend.head_object(self.bucket_name, self.parse_key_name(), version_id=version)
        headers |= {told: _qualify(key), TYPE_HEADER: key.checksum_type or FULL_OBJECT}
    return status, headers, body


def _qualify(key: FakeKey) -> str:
    suffix = f"-{key.checksum_parts}" if key.checksum_type == COMPOSITE else ""
    return f"{key.checksum_value}{suffix}"


def serialized(self: S3Response, action_result: ActionResult) -> TYPE_RESPONSE:
    """Answer as moto does, with checksums."""
    held = action_result.result
    action = self.data.get("Action")
    if isinstance(held, dict) and action in {"CreateMultipartUpload", "ListParts"}:
        upload = self.backend.get_bucket(self.bucket_name).multiparts[held["UploadId"]]
        held = _add_to_upload(upload, held)
    elif isinstance(held, dict) and action == "CompleteMultipartUpload":
        key = self.backend.get_object(self.bucket_name, held["Key"])
        if key is not None and key.checksum_algorithm:
            added = {f"Checksum{key.checksum_algorithm}": _qualify(key), "ChecksumType": key.checksum_type}
            held = {**held, **added}
    else:
        return _serialize(self, action_result)
    return _serialize(self, ActionResult(held))


def _add_to_upload(upload: FakeMultipart, held: dict[str, Any]) -> dict[str, Any]:
    algorithm, kind = find_algorithm(upload)
    if algorithm is None:
        return held
    added = {**held, "ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    if "Parts" in held:
        added["Parts"] = [
            {**part, f"Checksum{algorithm}": read_checksum(upload.parts[part["PartNumber"]], algorithm)}
            for part in held["Parts"]
        ]
    return added


def apply() -> None:
    """Let moto's S3 answer this way."""
    methods: dict[str, Any] = {
        "_complete_multipart_body": parse_completion,
        "_get_checksum": get_checksum,
        "abort_multipart_upload": abort_multipart_upload,
        "head_object": head_object,
        "list_parts": list_parts,
        "serialized": serialized,
        "upload_part": upload_part,
    }
    for name, method in methods.items():
        setattr(S3Response, name, method)

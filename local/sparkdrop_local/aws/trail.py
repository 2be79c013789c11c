"""Every call on record, as CloudTrail would have it: ``<home>/trail.jsonl``, one JSON object a line.

``sparkdrop local up --trail`` writes it (or SPARKDROP_LOCAL_TRAIL=1); otherwise nothing is written. A line
has

- ``at``: when the request came, ISO 8601 in UTC
- ``access_key_id``: who asked: ``sparkdrop-airflow`` (Airflow's processes and tasks), ``sparkdrop-api`` (the
  API's functions), ``sparkdrop-emr-job`` (EMR's steps, and EMR's own writing of logs),
  ``sparkdrop-cloudformation`` (what a stack is made of),
  ``sparkdrop-local`` (a person, the start), null where the request is not signed
- ``service``: the name that requests are signed for: s3, sqs, dynamodb, elasticmapreduce, iam, ...
- ``operation``: the API's, such as ``GetObject`` (boto3's get_object), ``Query``, ``RunJobFlow``
- ``parameters``: the request's, by the API's names. Of S3: Bucket, Key, VersionId, Prefix, UploadId,
  CopySource; of DeleteObjects also Delete.Objects; never a body. Long texts are cut, secrets are ``***``
- ``status``: HTTP's, which tells what was refused

"""

from __future__ import annotations

import io
import json
import re
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, unquote
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FILE = "trail.jsonl"
_LONGEST_TEXT = 500
_SECRET = re.compile(r"secret|password|sessiontoken|plaintext", re.IGNORECASE)
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d+/[^/]+/([^/,]+)/")
# What a request for a bucket or an object is called, by its method and the first of these in its query.
_BUCKET_OPERATIONS = {
    "GET": {
        "list-type": "ListObjectsV2",
        "versions": "ListObjectVersions",
        "uploads": "ListMultipartUploads",
    },
    "POST": {"delete": "DeleteObjects"},
}
_BUCKET_PLAIN = {"GET": "ListObjects", "PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
_OBJECT_OPERATIONS = {
    "GET": {"uploadId": "ListParts"},
    "PUT": {"partNumber": "UploadPart"},
    "POST": {"uploads": "CreateMultipartUpload", "uploadId": "CompleteMultipartUpload"},
    "DELETE": {"uploadId": "AbortMultipartUpload"},
}
_OBJECT_PLAIN = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Post", "HEAD": "Head"}
_S3_QUERY = {
    "versionId": "VersionId",
    "prefix": "Prefix",
    "delimiter": "Delimiter",
    "uploadId": "UploadId",
    "partNumber": "PartNumber",
}
_NO_SUBRESOURCE = frozenset(
    {
        *_S3_QUERY,
        "continuation-token",
        "encoding-type",
        "key-marker",
        "marker",
        "max-keys",
        "start-after",
        "x-id",
    }
)


class TrailApp:
    """A WSGI app that writes down what the wrapped one is asked.

    Args:
        wrapped: The app that answers.
        file: The trail; a new one is started.
    """

    def __init__(self, wrapped: WSGIApplication, file: Path) -> None:
        self._wrapped = wrapped
        self._lock = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        self._out = file.open("w", encoding="utf-8")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, and write the call down with the answer's status."""
        call = {"at": datetime.now(UTC).isoformat(), **read_call(environ)}

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - WSGI's own
            line = json.dumps({**call, "status": int(status.split(" ", 1)[0])}, default=str)
            with self._lock:
                self._out.write(f"{line}\n")
                self._out.flush()
            return start_response(status, headers, *more)

        return self._wrapped(environ, start)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._out.close()


def read_trail(home: Path) -> list[dict[str, Any]]:
    """Read a home's trail so far: one call each, in the order of their answers."""
    lines = (home / FILE).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_caller(environ: WSGIEnvironment) -> tuple[str | None, str | None]:
    """Say whose key a request is signed with, and for which service; both are None where it is not signed."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", "")) or _CREDENTIAL.search(
        f"Credential={query.get('X-Amz-Credential', '')}"
    )
    return (signed[1], signed[2]) if signed else (query.get("AWSAccessKeyId"), None)


def read_call(environ: WSGIEnvironment) -> dict[str, Any]:
    """Say who asks for what; a body that is read for it is put back."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    key, service = read_caller(environ)
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        operation, parameters = target.rpartition(".")[2], _parse_json(_read_body(environ))
    elif service in {"s3", None}:
        service = "s3"
        operation, parameters = _read_s3(environ, query)
    else:
        operation, parameters = _read_form(environ, query)
    return {
        "access_key_id": key,
        "service": service,
        "operation": operation,
        "parameters": _cut(parameters),
    }


def _read_s3(environ: WSGIEnvironment, query: dict[str, str]) -> tuple[str, dict[str, Any]]:
    raw = str(environ.get("RAW_URI") or environ.get("PATH_INFO", "/")).split("?", 1)[0]
    bucket, _, key = unquote(raw.lstrip("/")).partition("/")
    method = environ["REQUEST_METHOD"]
    parameters: dict[str, Any] = {_S3_QUERY[name]: query[name] for name in _S3_QUERY if name in query}
    if not bucket:
        return "ListBuckets", parameters
    parameters["Bucket"] = bucket
    if not key:
        operation = _name_s3(method, query, _BUCKET_OPERATIONS, _BUCKET_PLAIN, "Bucket")
        if operation == "DeleteObjects":
            parameters["Delete"] = {"Objects": list(_parse_deleted(_read_body(environ)))}
        return operation, parameters
    parameters["Key"] = key
    operation = _name_s3(method, query, _OBJECT_OPERATIONS, _OBJECT_PLAIN, "Object")
    if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        parameters["CopySource"] = unquote(source)
        operation = "UploadPartCopy" if operation == "UploadPart" else "CopyObject"
    return operation, parameters


def _name_s3(
    method: str,
    query: dict[str, str],
    special: dict[str, dict[str, str]],
    plain: dict[str, str],
    noun: str,
) -> str:
    """Name an operation, such as ``?tagging`` of an object: PutObjectTagging."""
    for word, operation in special.get(method, {}).items():
        if word in query:
            return operation
    words = [name for name, value in query.items() if not value and name not in _NO_SUBRESOURCE]
    subresource = next((name for name in words if not name.lower().startswith("x-amz")), None)
    if subresource is None:
        return plain.get(method, method)
    return (
        _VERBS.get(method, method)
        + noun
        + "".join(word[:1].upper() + word[1:] for word in subresource.split("-"))
    )


def _parse_deleted(body: bytes) -> Iterator[dict[str, str]]:
    try:
        root = ET.fromstring(body)  # noqa: S314 - what this machine's own clients sent
    except ET.ParseError:
        return
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "Object":
            yield {child.tag.rpartition("}")[2]: child.text or "" for child in element}


def _read_form(environ: WSGIEnvironment, query: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Read AWS's query protocol; what has no Action is a REST call, known by its path."""
    form = {**query}
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        body = _read_body(environ).decode("utf-8", "replace")
        form |= {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
    if "Action" in form:
        operation = form.pop("Action")
        form.pop("Version", None)
        return operation, form
    body_parameters = _parse_json(_read_body(environ)) if environ["REQUEST_METHOD"] != "GET" else {}
    return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '/')}", {**query, **body_parameters}


def _read_body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _cut(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: "***" if _SECRET.search(name) else _cut(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_LONGEST_TEXT]}… ({len(value)} characters)"
    return value

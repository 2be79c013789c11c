#!/usr/bin/env bash
# pyarrow's CSV reader: is an empty last field null or an empty string? It depends on the field before it.
#
# One would expect: with strings_can_be_null=True and quoted_strings_can_be_null=False, a field is null when nothing
# stands between its separators, and an empty string only when it is written as "". The end of a file ends a
# record as a line end does (RFC 4180: the last record may lack one).
# What happens: at the end of a file without a last line end, an empty field without quotes is an empty string if
# the field before it is quoted. With a line end behind it, the same field is null.
# Version: pyarrow 26.0.1. Source: the released package, run by this script.
# Why it matters: a file's last row gets "" where every row above it gets NULL, and which of the two depends on one
# byte that editors and exporters add or leave out. ingest.py gives Arrow the line end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
from pyarrow import csv

convert = csv.ConvertOptions(
    column_types={"a": pa.string(), "b": pa.string()}, strings_can_be_null=True, quoted_strings_can_be_null=False
)


def last_field(text: bytes) -> str | None:
    read = csv.ReadOptions(column_names=["a", "b"])
    return csv.read_csv(pa.BufferReader(text), read_options=read, convert_options=convert)["b"].to_pylist()[-1]


print("pyarrow", pa.__version__)
found = {text: last_field(text) for text in (b'x,\n', b'x,', b'"x",\n', b'"x",')}
for text, value in found.items():
    print(f"{text!r:12} -> {value!r}")
expected = {b'x,\n': None, b'x,': None, b'"x",\n': None, b'"x",': ""}
assert found == expected, "the behaviour has changed"
PYTHON

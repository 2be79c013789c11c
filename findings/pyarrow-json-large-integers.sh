#!/usr/bin/env bash
# pyarrow: its JSON reader rounds whole numbers, and says nothing, where a column also has a fraction.
#
# One would expect: an integer of 17 digits or more that a double cannot hold is an error, or stays what it is
# in a decimal or text; its CSV reader is known for guessing, but JSON's numbers are typed by themselves.
# What happens: 9007199254740993 becomes 9007199254740992.0 as soon as another row has 0.5; an integer above
# BIGINT becomes a double even alone. Written out again, the ids are others. A declared int64 raises.
# Version: pyarrow 26.0.1. Source: the released package, run by this script.
# Why it matters: ids of 18 and 19 digits are common in JSON lines, and a table made by reading without a schema
# joins to nothing, or to another row. Read such files with a declared schema.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
from pyarrow import json

print("pyarrow", pa.__version__)


def read(text, schema=None):
    options = json.ParseOptions(explicit_schema=schema)
    table = json.read_json(pa.BufferReader(text.encode()), parse_options=options)
    return str(table.schema.field("id").type), table.column("id").to_pylist()


mixed = read('{"id": 9007199254740993}\n{"id": 0.5}\n')
above = read('{"id": 12345678901234567891}\n')
whole = read('{"id": 9007199254740993}\n')
print(mixed, above, whole, sep="\n")
assert whole == ("int64", [9007199254740993])
assert mixed == ("double", [9007199254740992.0, 0.5]), "the behaviour has changed"
assert above[0] == "double", "the behaviour has changed"
assert int(above[1][0]) != 12345678901234567891, "the behaviour has changed"
try:
    read('{"id": 9007199254740993}\n{"id": 0.5}\n', pa.schema({"id": pa.int64()}))
except pa.ArrowInvalid as error:
    print("declared int64:", error)
else:
    raise AssertionError("the behaviour has changed")
PYTHON

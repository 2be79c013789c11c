#!/usr/bin/env bash
# pyarrow: a list_view that is cast to a list loses its values.
#
# One would expect: [1] as list_view<int64> cast to list<int64> is [1]; both types hold the same values, and a cast
# that cannot be done raises.
# What happens: the list is empty. It is so for every nesting of the two, and no error is raised.
# Version: pyarrow 26.0.1. Source: the released package, run by this script.
# Why it matters: Arrow's newer producers hand out list views to save copies. A program that brings columns to one
# type by a cast would write empty lists, and count every row as good.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
import pyarrow as pa

print("pyarrow", pa.__version__)
number = pa.int64()
found = {}
for kind, target, value in (
    (pa.list_view(number), pa.list_(number), [1]),
    (pa.list_view(pa.list_(number)), pa.list_(pa.list_(number)), [[1]]),
    (pa.list_(pa.list_view(number)), pa.list_(pa.list_(number)), [[1]]),
):
    found[str(kind)] = pa.array([value], kind).cast(target).to_pylist()[0]
    print(f"{value} as {kind} -> {found[str(kind)]} as {target}")
assert list(found.values()) == [[], [], [[]]], "the behaviour has changed"
PYTHON

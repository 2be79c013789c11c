#!/usr/bin/env bash
# pyarrow: a column of list_views that is cast to lists loses the values of its last row.
#
# One would expect: [[1], [2, 3]] as list_view<int64> cast to list<int64> is the same; both types hold the same
# values, and a cast that cannot be done raises.
# What happens: the last row's list is empty, whatever it held. No error is raised, and no row is missing.
# Version: pyarrow 26.0.1. Source: the released package, run by this script.
# Why it matters: Arrow's newer producers hand out list views to save copies. A program that brings columns to one
# type by a cast would write one emptied list for each block of rows, and count every row as good.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$work/venv/bin/python" - <<'PYTHON'
import pyarrow as pa

print("pyarrow", pa.__version__)
number = pa.int64()
found = []
for kind, target, rows in (
    (pa.list_view(number), pa.list_(number), [[1], [2, 3]]),
    (pa.list_view(number), pa.list_(number), [[1], [2, 3], [4]]),
    (pa.list_view(pa.list_(number)), pa.list_(pa.list_(number)), [[[1]], [[2], [3]]]),
):
    array = pa.array(rows, kind)
    assert array.to_pylist() == rows
    found.append(array.cast(target).to_pylist())
    print(f"{rows} as {kind} -> {found[-1]}")
assert found == [[[1], []], [[1], [2, 3], []], [[[1]], []]], "the behaviour has changed"
PYTHON

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkdrop.core.patterns import drop_upload_folder, find_common_key, match, overlap

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TOKENS = st.sampled_from(["a", "b", "/", "*", "**", "?"])
PATTERNS = st.lists(TOKENS, min_size=1, max_size=6).map("".join)
SHORT_KEYS = ["".join(letters) for n in range(1, 6) for letters in itertools.product("ab/", repeat=n)]
KEYS = SHORT_KEYS + [
    f"{head}/{ULID}/{rest}"
    for key in SHORT_KEYS
    for head, slash, rest in [key.partition("/")]
    if slash and rest
]


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("flights/*.csv", "flights/jan.csv", True),
        ("flights/*.csv", "flights/.csv", True),
        ("flights/*.csv", f"flights/{ULID}/jan.csv", True),
        ("flights/*.csv", "flights/2013/jan.csv", False),
        ("flights/*.csv", f"flights/{ULID.lower()}/jan.csv", False),
        ("flights/*.csv", f"flights/{ULID}/{ULID}/jan.csv", False),
        ("flights/*.csv", f"{ULID}/flights/jan.csv", False),
        ("flights/*.csv", "flights/jan.csv.gz", False),
        ("flights/*.csv", "flights/jan.CSV", False),
        ("flights/*.csv", "Flights/jan.csv", False),
        ("flights/**.csv", "flights/2013/jan.csv", True),
        ("flights/**", f"flights/{ULID}/", True),
        ("**/jan.csv", f"a/{ULID}/jan.csv", True),
        ("flights/jan?.csv", "flights/jan1.csv", True),
        ("flights/jan?.csv", "flights/jan/.csv", False),
        ("flights/jan?.csv", "flights/jan.csv", False),
        ("flights/[a].csv", "flights/[a].csv", True),
        ("flights/[a].csv", "flights/a.csv", False),
        ("flights/*.csv", "flights/a b+c%20ü\n.csv", True),
        ("*", "jan.csv", True),
        ("*", "a/jan.csv", False),
    ],
)
def test_match(pattern, key, matches):
    assert match(pattern, key) is matches


def test_a_marker_of_an_upload_folder_is_no_file():
    assert not match("flights/*", f"flights/{ULID}/")
    assert drop_upload_folder(f"flights/{ULID}/") is None


@pytest.mark.parametrize(
    ("first", "second", "overlaps"),
    [
        ("flights/*.csv", "flights/*.csv.gz", False),
        ("flights/*.csv", "flights/jan*", True),
        ("flights/*.csv", "weather/*.csv", False),
        ("flights/*.csv", "flights/*/*.csv", True),  # through the transparent upload folder
        ("flights/2013/*.csv", "flights/*.csv", False),
        ("flights/01*/*.csv", "flights/*.csv", True),
        ("flights/8*/*.csv", "flights/*.csv", False),  # no ULID begins with 8
        ("**", "a/b", True),
        ("**/x.csv", "a/*.csv", True),
        ("*.csv", "**/*.csv", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
    ],
)
def test_overlap(first, second, overlaps):
    assert overlap(first, second) is overlaps
    assert overlap(second, first) is overlaps


@given(PATTERNS, PATTERNS)
@settings(max_examples=150, deadline=None)
def test_overlap_is_exact(first, second):
    found = find_common_key(first, second)
    if found is None:
        assert not [key for key in KEYS if match(first, key) and match(second, key)]
    else:
        assert match(first, found)
        assert match(second, found)


@given(PATTERNS.filter(lambda pattern: "/" in pattern.strip("/")))
def test_a_pattern_overlaps_itself(pattern):
    assert overlap(pattern, pattern)


def test_overlap_of_long_patterns_is_quick():
    assert not overlap("a/" + "*x" * 30 + ".csv", "a/" + "*y" * 30 + ".json")

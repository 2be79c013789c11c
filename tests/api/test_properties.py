"""What comes from outside in any shape: cursors, groups, and names of files."""

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.stacks.invoke.handler.callers import parse_groups, read_caller
from infra.stacks.invoke.handler.pages import Cursor, parse_cursor
from infra.stacks.invoke.handler.problems import CallerUnknownError, InvalidFieldError
from sparkdrop.core.access import Caller, drop_session
from sparkdrop.core.catalog import CatalogArrival, CatalogPipeline
from sparkdrop.core.errors import LinkRefusedError
from sparkdrop.core.invocation import make_invocation_id
from sparkdrop.core.links import make_link_key
from sparkdrop.core.routing import Router
from sparkdrop.core.uploads import is_upload_id

from .conftest import ACCOUNT, iam, user

IDS = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True).filter(is_upload_id)
GROUPS = st.from_regex(r"[A-Za-z0-9_./+=-]{1,30}", fullmatch=True)
FLIGHTS = CatalogPipeline(
    name="flights",
    arrival=CatalogArrival(mode="events", keys=("flights/in/*.csv", "flights/*.gz")),
    format="csv",
    max_files=1,
    max_bytes=1,
    argument_room=1,
)


@given(IDS, st.text(max_size=80))
def test_a_cursor_brings_back_its_place(position, scope):
    text = Cursor(position, scope).encode()
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert parse_cursor(text, scope) == position


@given(IDS, st.text(max_size=80), st.text(max_size=80))
def test_a_cursor_of_another_list_is_refused(position, scope, other):
    if scope != other:
        with pytest.raises(InvalidFieldError):
            parse_cursor(Cursor(position, scope).encode(), other)


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_is_refused(text):
    with pytest.raises(InvalidFieldError) as error:
        parse_cursor(text, "own:")
    assert error.value.field == "cursor"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4)
    )
)
def test_a_cursor_with_anything_inside_is_refused(inside):
    text = base64.urlsafe_b64encode(json.dumps(inside).encode()).decode().rstrip("=")
    with pytest.raises(InvalidFieldError):
        parse_cursor(text, "own:")


@given(st.lists(GROUPS, max_size=5))
def test_groups_are_read_in_each_way_in_which_api_gateway_writes_them(groups):
    for claim in (",".join(groups), ", ".join(groups), f"[{' '.join(groups)}]", groups):
        assert parse_groups(claim) == frozenset(groups)


@pytest.mark.parametrize(
    "claim", ["role/Loader,loaders", "[user/loader loaders]", ["role/Loader", "loaders"]]
)
def test_no_group_of_the_pool_makes_a_user_an_iam_identity(claim):
    assert parse_groups(claim) == frozenset({"loaders"})


@given(st.none() | st.text() | st.integers() | st.lists(st.text()))
def test_groups_are_never_empty_names(claim):
    assert all(group for group in parse_groups(claim))


@given(st.text(min_size=1), st.lists(GROUPS, max_size=3))
def test_a_user_is_its_subject(subject, groups):
    assert read_caller(user(subject, *groups)) == Caller(f"cognito:{subject}", frozenset(groups))


@given(st.from_regex(r"[\w+=,.@-]{2,64}", fullmatch=True), st.from_regex(r"[\w+=,.@-]{1,64}", fullmatch=True))
def test_a_role_is_one_caller_whatever_its_sessions_are_called(session, role):
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}"
    caller = read_caller({"accountId": ACCOUNT, **iam(f"{arn}/{session}")})
    assert caller == Caller(arn, frozenset({f"role/{role}"}))
    assert drop_session(caller.name) == arn
    ids = {make_invocation_id(f"{arn}/{name}", "flights", "1") for name in (session, "other")}
    assert ids == {make_invocation_id(caller.name, "flights", "1")}


def test_an_account_itself_is_in_no_group():
    arn = f"arn:aws:iam::{ACCOUNT}:root"
    assert read_caller({"accountId": ACCOUNT, **iam(arn)}) == Caller(arn)


@given(st.dictionaries(st.sampled_from(["identity", "authorizer"]), st.none() | st.just({})))
def test_a_context_without_a_caller_has_none(context):
    with pytest.raises(CallerUnknownError):
        read_caller(context)


@given(st.text(min_size=1, max_size=1100) | st.text(max_size=40).map(lambda name: f"{name}.csv"))
def test_a_name_becomes_a_key_of_its_pipeline_or_is_refused(filename):
    try:
        key = make_link_key(FLIGHTS, "0" * 26, filename)
    except LinkRefusedError as error:
        refused = error.field
    else:
        refused = ""
    if refused:
        assert refused == "filename"
        return
    assert Router([FLIGHTS], "uploads").route("uploads", key) == "flights"
    assert re.fullmatch(rf"flights/{'0' * 26}/(in/)?[A-Za-z0-9._-]{{1,120}}", key)

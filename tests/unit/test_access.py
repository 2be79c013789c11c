"""Who sees a pipeline, who uploads to it, and what the catalog tells the others."""

import pytest

from sparkdrop.core.access import Caller, check_upload, is_visible, may_upload, may_view
from sparkdrop.core.catalog import Catalog, CatalogPipeline, build_catalog
from sparkdrop.core.errors import ForbiddenError, InvocationRefusedError, UnknownPipelineError
from sparkdrop.core.invocation import Invocation
from sparkdrop.core.links import MULTIPART_MAX_BYTES
from sparkdrop.core.pipeline import Pipeline


def make_pipeline(name, **upload):
    return Pipeline.model_validate({"name": name, "arrival": {"keys": [f"{name}/*.csv"]}, "upload": upload})


CATALOG = build_catalog(
    [
        make_pipeline("flights"),
        make_pipeline("fleet", viewers=["auditors"]),
        make_pipeline("payroll", groups=["finance", "role/Export"], viewers=["auditors"], max_bytes="2 GiB"),
    ],
    "artifacts",
)
PAYROLL = CATALOG.find("payroll")
NOBODY = Caller("cognito:n")
CLERK = Caller("cognito:c", frozenset({"finance", "staff"}))
EXPORT = Caller("arn:aws:sts::1:assumed-role/Export", frozenset({"role/Export"}))
AUDITOR = Caller("cognito:a", frozenset({"auditors"}))


def ask(pipeline, place="payroll/jan.csv"):
    return Invocation(pipeline=pipeline, input=f"s3://uploads/{place}", idempotency_key="k")


@pytest.mark.parametrize(
    ("caller", "uploads", "views"),
    [
        (NOBODY, False, False),
        (CLERK, True, False),
        (EXPORT, True, False),
        (AUDITOR, False, True),
    ],
    ids=lambda value: value.name if isinstance(value, Caller) else None,
)
def test_groups_upload_and_viewers_view(caller, uploads, views):
    assert may_upload(PAYROLL, caller) is uploads
    assert may_view(PAYROLL, caller) is views
    assert is_visible(PAYROLL, caller) is (uploads or views)


def test_without_groups_everyone_uploads_and_nobody_sees_what_is_not_his():
    flights = CATALOG.find("flights")
    assert may_upload(flights, NOBODY)
    assert not may_view(flights, NOBODY)


def test_who_may_only_look_is_told_who_may_do_more():
    check_upload(PAYROLL, CLERK)
    with pytest.raises(ForbiddenError, match="its groups are: finance, role/Export"):
        check_upload(PAYROLL, AUDITOR)


def test_the_catalog_holds_what_a_pipeline_file_says():
    assert (PAYROLL.upload.max_bytes, PAYROLL.upload.viewers) == (2 * 2**30, ("auditors",))
    assert CATALOG.find("flights").upload.max_bytes == MULTIPART_MAX_BYTES


def test_an_invisible_pipeline_is_not_there():
    assert CATALOG.find_for(CLERK, "payroll") == PAYROLL
    assert CATALOG.find_for(AUDITOR, "payroll") == PAYROLL
    for name in ("payroll", "payrol", "zzz"):
        with pytest.raises(UnknownPipelineError) as unknown:
            CATALOG.find_for(NOBODY, name)
        assert str(unknown.value) == f"no pipeline is called {name!r}; there are: fleet, flights"
    with pytest.raises(UnknownPipelineError, match="nearest: payroll"):
        CATALOG.find_for(CLERK, "payrol")


def test_each_caller_lists_its_own_pipelines():
    assert [one.name for one in CATALOG.list_for(NOBODY)] == ["fleet", "flights"]
    assert [one.name for one in CATALOG.list_for(AUDITOR)] == ["fleet", "flights", "payroll"]


def test_an_invocation_names_no_pipeline_that_its_caller_does_not_see():
    with pytest.raises(UnknownPipelineError, match=r"there are: fleet, flights$"):
        CATALOG.check(ask("payroll"), "uploads", NOBODY)
    with pytest.raises(InvocationRefusedError, match=r"belongs to another pipeline$"):
        CATALOG.check(ask("flights"), "uploads", NOBODY)
    with pytest.raises(InvocationRefusedError, match=r"belongs to pipeline 'payroll'$"):
        CATALOG.check(ask("flights"), "uploads", CLERK)
    assert CATALOG.check(ask("payroll"), "uploads", CLERK) == PAYROLL


def test_a_catalog_from_before_there_were_links_loads():
    old = CATALOG.model_dump(mode="json")
    for pipeline in old["pipelines"]:
        del pipeline["upload"]
    loaded = Catalog.model_validate(old)
    assert [one.name for one in loaded.list_for(NOBODY)] == ["fleet", "flights", "payroll"]
    assert isinstance(loaded.find("payroll"), CatalogPipeline)

"""Each operation of EMR and EMR Serverless does what the README's table says of it."""

from collections import Counter

import botocore.session
import pytest

from tests.local.emr.operations_table import load_cases, main

CASES = load_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.service}-{case.operation}")
def test_an_operation_does_what_the_table_says(emr, case):
    case.prove(emr)


@pytest.mark.parametrize("service", sorted({case.service for case in CASES}))
def test_every_operation_of_the_model_is_in_the_table_once(service):
    model = botocore.session.get_session().get_service_model(service)
    proven = Counter(case.operation for case in CASES if case.service == service)
    assert proven == Counter(model.operation_names)


def test_the_table_is_written_and_held(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- operations -->\nold\n<!-- /operations -->\nafter\n")
    assert main([str(page), "--check"]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert main([str(page)]) == main([str(page), "--check"]) == 0
    text = page.read_text()
    assert "| RunJobFlow | behaves |" in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    page.write_text("nothing")
    assert main([str(page)]) == 1

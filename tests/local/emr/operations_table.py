"""The table of EMR's operations in the README of the local EMR, made of the cases that prove it.

``python -m tests.local.emr.operations_table FILE`` writes it between the file's two marks; with ``--check``
it only compares.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figures import replace_block
from tests.local.emr import cases_ec2, cases_instances, cases_refused, cases_serverless
from tests.local.emr.cases import Case

_BLOCK = "operations"
_TITLES = {"emr": "EMR on EC2", "emr-serverless": "EMR Serverless"}
_VERDICTS = ("behaves", "accepts", "refuses")

# the import of these adds to the cases of the first
assert cases_instances
assert cases_refused


def load_cases() -> list[Case]:
    """Load all cases, by service and operation."""
    return sorted(
        [*cases_ec2.CASES, *cases_serverless.CASES], key=lambda case: (case.service, case.operation)
    )


def render_table(cases: Sequence[Case]) -> str:
    """Render the totals, and a table for each service, as Markdown."""
    return "\n".join([*_render_totals(cases), *_render_services(cases)])


def _render_totals(cases: Sequence[Case]) -> Iterator[str]:
    yield from ("| | operations | behaves | accepts | refuses |", "| --- | --- | --- | --- | --- |")
    for service in _services(cases):
        verdicts = Counter(case.verdict for case in cases if case.service == service)
        counts = " | ".join(str(verdicts[verdict]) for verdict in _VERDICTS)
        yield f"| {_TITLES[service]} | {verdicts.total()} | {counts} |"


def _render_services(cases: Sequence[Case]) -> Iterator[str]:
    for service in _services(cases):
        yield from ("", f"### {_TITLES[service]}", "", "| operation | verdict | |", "| --- | --- | --- |")
        for case in cases:
            if case.service == service:
                yield f"| {case.operation} | {case.verdict} | {case.note.replace('|', '&#124;')} |"


def _services(cases: Sequence[Case]) -> list[str]:
    return [service for service in _TITLES if any(case.service == service for case in cases)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the table; 1 says that it has drifted."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.local.emr.operations_table", description=main.__doc__
    )
    parser.add_argument("page", type=Path, help="the page with the two marks")
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    text = options.page.read_text(encoding="utf-8")
    try:
        page = replace_block(text, _BLOCK, render_table(load_cases()))
    except ValueError as error:
        sys.stderr.write(f"error: {options.page}: {error}\n")
        return 1
    if not options.check:
        options.page.write_text(page, encoding="utf-8")
    elif page != text:
        sys.stderr.write(f"error: {options.page} is not what the cases prove: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The documentation's links lead somewhere, its decisions are listed, and its picture speaks to everyone."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .test_docs import PAGES, ROOT, name_page, read_prose

LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(read_prose(page)):
        if link.startswith("https://"):
            continue
        path, _, wanted = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if wanted:
            headings = re.findall(r"^#+ (.+)$", read_prose(target), re.MULTILINE)
            assert wanted in {anchor(heading) for heading in headings}, link


def test_decisions_are_numbered_short_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    records = sorted(folder.glob("[0-9]*.md"))
    index = (folder / "README.md").read_text("utf-8")
    assert [record.name[:4] for record in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text("utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert len(text.splitlines()) <= 40, record.name
        title = text.splitlines()[0].removeprefix("# ")
        assert f"[{title}]({record.name})" in index


def test_the_picture_speaks_to_everyone() -> None:
    picture = ROOT / "docs" / "flow.svg"
    text = picture.read_text("utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    names = {child.tag.rpartition("}")[2]: child for child in root}
    labels = str(root.get("aria-labelledby")).split()
    assert [names["title"].get("id"), names["desc"].get("id")] == labels
    assert "prefers-color-scheme: dark" in text
    assert len(text.encode()) <= 30_000
    tasks = {"claim_batch", "create_job_flow", "add_step", "publish", "terminate_job_flow"}
    assert tasks <= {element.text for element in root.iter() if element.text}

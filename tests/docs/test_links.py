"""Every link between our pages leads somewhere. Links out of the repository are not followed: tests need no network."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.markdown import anchors, links
from tests.docs.pages import ROOT, name, pages


def broken(page: Path) -> list[str]:
    """List the links of a page that lead nowhere."""
    text = page.read_text(encoding="utf-8")
    return [link for link in links(text) if "://" not in link and not link.startswith("mailto:") and lost(page, link)]


def lost(page: Path, link: str) -> bool:
    """Tell whether a link names a file or a heading that is not there, or leaves the repository."""
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Here\n[a](#here) [b](#there) [c](missing.md) [d](https://example.com/x)\n", encoding="utf-8")
    assert broken(page) == ["#here", "#there", "missing.md"]  # all of them lie outside the repository

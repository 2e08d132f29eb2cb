"""Knows which files are pages of ours."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pages() -> list[Path]:
    """List the Markdown files at the root, in docs, examples and changelog.d."""
    return sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])


FOLDERS = ("docs", "examples", "changelog.d")


def name(page: Path) -> str:
    """Say a page's path as a reader of the repository would."""
    return page.relative_to(ROOT).as_posix()

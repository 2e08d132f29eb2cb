"""Reads our Markdown: its fenced blocks with the notes that steer them, its links, its headings. Pure.

A note is an HTML comment on the line before a block, unseen by readers:
`<!-- not run: why -->`, `<!-- file: app.py -->`, `<!-- output -->`.
"""

import re
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,}) *(?P<language>[\w+-]*).*$")
NOTE = re.compile(r"^ *<!-- *(?P<word>not run|file|output) *(?:: *(?P<value>.*?))? *-->$")
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?) *#*$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it starts, what it is written in, what the note before it says."""

    line: int
    language: str
    text: str
    word: str = ""
    value: str = ""


def blocks(page: str) -> list[Block]:
    """List the fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = iter(enumerate(page.splitlines(), start=1))
    before = ""
    for number, line in lines:
        fence = FENCE.match(line)
        if fence is None:
            before = line or before  # a blank line may stand between a note and its block
            continue
        body = []
        for _, inner in lines:
            if inner.strip() == fence["marks"]:
                break
            body.append(inner.removeprefix(fence["indent"]))
        note = NOTE.match(before)
        word, value = (note["word"], note["value"] or "") if note else ("", "")
        found.append(Block(number, fence["language"].lower(), "\n".join(body) + "\n", word, value))
        before = ""
    return found


def prose(page: str) -> list[str]:
    """List the lines of a page that are not inside a fenced block."""
    kept: list[str] = []
    marks = ""
    for line in page.splitlines():
        fence = FENCE.match(line)
        if marks:
            marks = "" if line.strip() == marks else marks
        elif fence:
            marks = fence["marks"]
        else:
            kept.append(line)
    return kept


def links(page: str) -> list[str]:
    """List the targets of a page's links and pictures. Inline code is no link."""
    return [link["target"] for line in prose(page) for link in LINK.finditer(re.sub(r"`[^`]*`", "", line))]


def anchors(page: str) -> set[str]:
    """Name what `#…` may point to: the headings, as GitHub spells their anchors."""
    headings = (HEADING.match(line) for line in prose(page))
    return {re.sub(r"[^\w\- ]", "", found["text"].lower()).replace(" ", "-") for found in headings if found}

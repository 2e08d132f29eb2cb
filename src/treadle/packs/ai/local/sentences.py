"""Sentences of a letter. Knows wrapped lines, bullets, abbreviations, ordinals and decimals; judges nothing."""

import re
from collections.abc import Iterator

from treadle.packs.ai.local.plain import clip
from treadle.packs.ai.local.tables import word_set

SENTENCE_CAP = 400
_TOKEN_CAP = 120

_BULLET = re.compile(r"^\s*(?:[-*•–·+]|\(?\d{1,2}[.)]|[a-z]\))\s+(?=\S)")
_END = re.compile(r"[.!?…]{1,5}[\"')\]»”’]{0,3}\s+|[。！？]")
_LAST = re.compile(r"(\S{1,40})$")
_MONTH_FOLLOWS = re.compile(
    r"(?:jan|feb|mär|mar|apr|mai|jun|jul|aug|sep|okt|nov|dez|etage|stock|quartal)", re.IGNORECASE
)
_RULER = re.compile(r"[-=_*~#+]{4,}")
_SHORT_DATE = re.compile(r"\d{1,2}\.\d{1,2}")
_WRAPPED = 45


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences in order, each one line of <= 400 characters; a bullet is one and keeps its mark `- `."""
    for paragraph in _paragraphs(text):
        yield from _split(paragraph)


def _paragraphs(text: str) -> Iterator[str]:
    """Join wrapped lines; a short line, a colon, a blank line or a bullet ends what went before."""
    pending: list[str] = []
    for line in text.split("\n"):
        bullet = _BULLET.match(line)
        if pending and (bullet or not line.strip() or len(pending[-1]) < _WRAPPED or pending[-1].endswith(":")):
            yield " ".join(pending)
            pending = []
        if bullet:
            pending = ["- " + line[bullet.end() :].strip()]
        elif line.strip():
            pending.append(line.strip())
    if pending:
        yield " ".join(pending)


def _split(paragraph: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(paragraph):
        if _ends(paragraph, start, end):
            yield from _tidy(paragraph[start : end.end()])
            start = end.end()
    yield from _tidy(paragraph[start:])


def _ends(paragraph: str, start: int, end: re.Match[str]) -> bool:
    if end.group()[0] != "." or end.group().startswith(".."):
        return True
    before = _LAST.search(paragraph, max(start, end.start() - 40), end.start())
    last = before.group(1).lstrip("(\"'„“«-").lower() if before else ""
    following = paragraph[end.end() : end.end() + 9]
    if last.isdigit() and len(last) <= 2:
        return not (_MONTH_FOLLOWS.match(following) or following[:1].islower())
    if _SHORT_DATE.fullmatch(last) and not following[:1].isupper():
        return False
    return last not in word_set("abbreviations") and not (len(last) == 1 and last.isalpha())


def _tidy(raw: str) -> Iterator[str]:
    kept = " ".join(token for token in _RULER.sub(" ", raw).split() if len(token) <= _TOKEN_CAP)
    if any(letter.isalnum() for letter in kept):
        yield clip(kept, SENTENCE_CAP)

"""What the writer of a letter wrote himself: quoted history, signature and footer come off.

In English, German, French and Spanish. The mail pack may have cut the text already. Looks at each line once.
"""

import re

from treadle.packs.ai.local.plain import visible
from treadle.packs.ai.local.tables import pattern
from treadle.packs.ai.threads import LETTER_CAP

_LINE_CAP = 2_000

_ATTRIBUTION_START = re.compile(r"^(?:on|am|le|el)\b.{4,120}(?:\d{1,2}[:.h]\d{2}|\d{4}|<)", re.IGNORECASE)
_HEADER_FIRST = re.compile(r"^\*{0,2}(?:from|von|de)\*{0,2}\s?:\*{0,2}\s", re.IGNORECASE)
#: Rulers, footers and headers are shorter than this.
_FURNITURE = 400
_RULE = re.compile(r"^[_=*-]{5,}$")


def own_words(text: str) -> str:
    """Give what the writer wrote himself; of a bare forward, what was forwarded."""
    lines = [line[:_LINE_CAP].rstrip() for line in visible(text[:LETTER_CAP]).split("\n")]
    body, rest = _split_history(lines)
    kept = _without_footer(_without_signature(body))
    if rest and _weight(kept) < 160:
        kept += ["", *_without_footer(_without_signature(_skip_headers(rest)))]
    return "\n".join(kept).strip()


def _split_history(lines: list[str]) -> tuple[list[str], list[str]]:
    """Part the writer's lines from what follows a forward or history mark; quoted lines between them go."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if line.startswith(">"):
            at += 1
            continue
        if pattern("forward").match(line) or pattern("history").match(line) or _header_block(lines, at):
            return kept, [_unquoted(rest) for rest in lines[at + (0 if _HEADER_FIRST.match(line) else 1) :]]
        size = _attribution(lines, at)
        if size and not _quote_follows(lines, at + size):
            return kept, []
        if size:
            at += size
            continue
        kept.append(lines[at])
        at += 1
    return kept, []


def _attribution(lines: list[str], at: int) -> int:
    """Count the lines of an attribution ("On … wrote:") that begins here; mail programs wrap it over up to three."""
    first = lines[at].strip()
    if pattern("attribution").match(first):
        return 1
    if not _ATTRIBUTION_START.match(first):
        return 0
    for size in (2, 3):
        if pattern("attribution").match(" ".join(line.strip() for line in lines[at : at + size])):
            return size
    return 0


def _quote_follows(lines: list[str], at: int) -> bool:
    following = (line.lstrip() for line in lines[at : at + 3])
    return next((line.startswith(">") for line in following if line), False)


def _header_block(lines: list[str], at: int) -> bool:
    return bool(_HEADER_FIRST.match(lines[at].strip())) and (
        sum(1 for line in lines[at : at + 5] if pattern("header").match(line.strip())) >= 3
    )


def _unquoted(line: str) -> str:
    return line[1:].lstrip() if line.startswith(">") else line


def _skip_headers(lines: list[str]) -> list[str]:
    at = 0
    while at < min(len(lines), 12) and (not lines[at].strip() or pattern("header").match(lines[at].strip())):
        at += 1
    body, _ = _split_history(lines[at:]) if at else (lines, [])
    return body


def _without_signature(lines: list[str]) -> list[str]:
    for at, line in enumerate(lines):
        if line in ("--", "-- ", "—") and _weight(lines[:at]):
            return _without_closing(lines[:at])
    return _without_closing(lines)


def _without_closing(lines: list[str]) -> list[str]:
    """Cut from a closing phrase near the end; a letter that is nothing but thanks keeps its words."""
    for at in range(max(0, len(lines) - 14), len(lines)):
        tail = [line for line in lines[at + 1 :] if line.strip()]
        closes = pattern("closing").match(lines[at].strip()) or pattern("device").match(lines[at].strip())
        if closes and all(len(line) <= 90 and "?" not in line for line in tail) and _weight(lines[:at]):
            return lines[:at]
    return lines


def _without_footer(lines: list[str]) -> list[str]:
    """Cut at a ruler near the end, and drop rulers, footers and stray header lines wherever they stand."""
    start = max(len(lines) // 2, len(lines) - 8)
    ruler = next((at for at in range(start, len(lines)) if _RULE.match(lines[at].strip())), len(lines))
    return [line for line in lines[:ruler] if _says_something(line)]


def _says_something(line: str) -> bool:
    bare = line.strip()
    if not bare or len(bare) > _FURNITURE:
        return True
    ruler = len(bare) > 4 and not any(letter.isalnum() for letter in bare)
    return not (ruler or pattern("footer").search(bare) or pattern("stray_header").match(bare))


def _weight(lines: list[str]) -> int:
    return sum(len(line.strip()) for line in lines)

"""The end of a message, where people say who they are. Pure."""

import re

_QUOTED = re.compile(
    r">|-{2,} ?(original|forwarded|urspr|weiterg|message|mensaje)|_{10,}|(on|am|le|el|il|op)\b.{4,100}"
    r"\b(wrote|schrieb|écrit|escribió|scritto|schreef)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:tele(?:ph|f)one?|tel|phone|fon|mobile?|mobil|handy|téléphone|teléfono|call|m|t|p)\b[.:)\s]*", re.IGNORECASE
)
_NUMBER = re.compile(r"\+?\(?\d[\d ()/.\-]{5,22}\d")


def signature(text: str) -> list[str]:
    """Return the last lines that the sender wrote: below `-- `, else at most eight; never quoted history."""
    own: list[str] = []
    for line in text[:100_000].splitlines():
        if _QUOTED.match(line.lstrip()[:160]):
            break
        own.append(line.rstrip())
    for at in range(len(own) - 1, max(-1, len(own) - 13), -1):
        if own[at] in ("--", "---", "__"):
            return [line.strip() for line in own[at + 1 :] if line.strip()]
    return [line.strip() for line in own if line.strip()][-8:]


def phone_of(lines: list[str]) -> str:
    """Return the one phone number of a signature as `+441632960127`, "" if there is none or a choice."""
    numbers = {number for line in lines if (number := _phone_line(line))}
    return numbers.pop() if len(numbers) == 1 else ""


def _phone_line(line: str) -> str:
    # A whole line, or the end of "Name, company, number": numbers inside sentences are prices, orders and dates.
    if len(line) > 80:
        return ""
    last = re.split(r"[|,·•]", line)[-1].strip()
    candidate = _LABEL.sub("", last, count=1) if _LABEL.match(last) else last
    if not _NUMBER.fullmatch(candidate) or not candidate.startswith(("+", "0", "(0", "(+")):
        return ""
    digits = re.sub(r"\(0\)|\D", "", candidate) if candidate.startswith("+") else re.sub(r"\D", "", candidate)
    if not 8 <= len(digits) <= 15 or re.fullmatch(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}", candidate):
        return ""
    return ("+" if "+" in candidate else "") + digits

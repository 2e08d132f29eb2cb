"""What somebody wrote anew in a mail: the text without quoted history and signature. Pure.

mail-parser-reply knows the forms of many languages but takes milliseconds, so this runs when a thread is read, not
when a mailbox is imported.
"""

import re
from functools import lru_cache
from typing import Any

TEXT_LIMIT = 20_000
"""Characters that are looked at; what stands further down is hardly the new part of a reply."""
LINE_LIMIT = 600
LANGUAGES = {"en": "en", "de": "de", "fr": "fr", "es": "es", "it": "it", "nl": "nl"}
QUOTED = re.compile(r"^>.*\n?", re.M)
# The line above a quotation, in the seven languages; it may be torn over two lines.
INTRODUCTION = re.compile(
    r"^(?:On|Am|Le|El|Il giorno|Op|Em)\b[^\n]{4,200}(?:\n[^\n]{1,120})?"
    r"(?:wrote|schrieb[^\n:]{0,80}|a écrit|escribió|ha scritto|schreef[^\n:]{0,80}|escreveu)\s*:[ \t]*$",
    re.M,
)
DELIMITER = re.compile(
    r"^(?:-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale"
    r"|Oorspronkelijk bericht|Forwarded message) ?-{2,}|_{20,})[ \t]*$",
    re.M | re.I,
)
SIGNATURE = re.compile(r"^-- ?$", re.M)


def without_quotes(text: str, lang: str = "und") -> str:
    """Give the new part of a text; the whole text if nothing would be left."""
    own = _by_marks(text[:TEXT_LIMIT])
    if _plain(own):
        return own or text.strip()
    return (_by_library(own, lang) or own or text).strip()


def _plain(text: str) -> bool:
    """Say whether nothing in the text looks like a header of quoted mail, which the library knows better."""
    return not re.search(r"^(?:\*?(?:From|Von|De|Da|Van|Sent from|Gesendet von|Envoyé de)\b)", text, re.M)


def _by_marks(text: str) -> str:
    """Cut at the first delimiter, drop introductions, `>` lines and what follows `-- `."""
    for mark in (DELIMITER, SIGNATURE):
        if (found := mark.search(text)) and text[: found.start()].strip():
            text = text[: found.start()]
    return re.sub(r"\n{3,}", "\n\n", QUOTED.sub("", INTRODUCTION.sub("", text))).strip()


def _by_library(text: str, lang: str) -> str:
    """Ask mail-parser-reply; lines are capped because its expressions look far ahead."""
    lines = "\n".join(line[:LINE_LIMIT] for line in text.split("\n"))
    try:
        return str(_parser(LANGUAGES.get(lang, "en")).parse_reply(text=lines) or "").strip()
    except Exception:  # noqa: BLE001 - a library over hostile text; our own cut stands instead
        return ""


@lru_cache(maxsize=8)
def _parser(language: str) -> Any:
    from mailparser_reply import EmailReplyParser

    return EmailReplyParser(languages=sorted({"en", language}))

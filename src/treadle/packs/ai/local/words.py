"""Words of a text, folded so that accents, case and curly apostrophes make no difference. Meaning is for others."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def _bare(code: int) -> str:
    letters = unicodedata.normalize("NFKD", chr(code))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


_FOLD: dict[int, str] = {code: _bare(code) for code in range(0xC0, 0x180) if chr(code).isalpha()}
_FOLD |= {ord("ß"): "ss", ord("æ"): "ae", ord("Æ"): "ae", ord("ø"): "o", ord("Ø"): "o", ord("œ"): "oe", ord("Œ"): "oe"}
_FOLD |= {ord(mark): "'" for mark in "’‘ʼ´`"} | {ord(mark): "-" for mark in "‐‑"}


def fold(text: str) -> str:
    """Lower the text and take the accents off, so that `Réunion` equals `reunion`."""
    return text.translate(_FOLD).lower()


def words(text: str) -> tuple[str, ...]:
    """List the folded words of a text; numbers count as words, `s'il` and `pourriez-vous` are one each."""
    return tuple(_WORD.findall(fold(text)))

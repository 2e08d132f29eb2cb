"""Bytes of a mail to text, whatever they claim to be. Never raises; what fits nowhere becomes U+FFFD.

Order: the declared charset, UTF-8, a guess by charset-normalizer, windows-1252.
"""

import codecs
import re
from functools import lru_cache

# Labels as senders write them. The superset replaces the subset, as browsers do (encoding.spec.whatwg.org, 4.2).
ALIASES = {
    "ansi_x3.4-1968": "cp1252",
    "ascii": "cp1252",
    "big5": "big5hkscs",
    "cp-850": "cp850",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "macintosh": "mac_roman",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "tis-620": "cp874",
    "unicode-1-1-utf-7": "utf-7",
    "us-ascii": "cp1252",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "x-sjis": "cp932",
}
# Python codecs that are no charset of a mail; `idna` and `punycode` take quadratic time.
NO_CHARSET = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
# Plain ASCII bytes mean something else in these.
STATEFUL = re.compile(r"utf-?7|utf-?16|utf-?32|iso2022|hz", re.I)
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
SAMPLE = 2048
"""Bytes around the first strange one that charset-normalizer gets to see: it is slow."""
GUESSES = (
    "cp1252",
    "cp1251",
    "koi8_r",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "cp1250",
    "cp1253",
    "cp1255",
    "cp1256",
)
STRANGE = re.compile(rb"[\x80-\xff]")


@lru_cache(maxsize=512)
def codec_for(declared: str) -> str | None:
    """Name Python's codec for a declared charset; None if there is none."""
    label = LABEL.match(declared.strip().strip("\"'<>").removeprefix("3D").removeprefix("3d"))
    if label is None:
        return None
    name = label[0].lower()
    try:
        codec = codecs.lookup(ALIASES.get(name, name)).name.replace("-", "_")
    except (LookupError, ValueError):
        return None
    return codec if codec not in NO_CHARSET and _decodes(codec) else None


def _decodes(codec: str) -> bool:
    """Say whether a codec makes text of bytes: zlib and its like make bytes."""
    try:
        b"a".decode(codec)
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True


def decode(data: bytes, declared: str | None = None) -> tuple[str, bool]:
    """Decode to text; the second value is False when something had to be guessed or replaced."""
    codec = codec_for(declared) if declared else None
    if data.isascii() and not (codec and STATEFUL.match(codec)):
        return data.decode("ascii"), True
    for candidate in (codec, "utf_8"):
        text = _strictly(data, candidate) if candidate else None
        if text is not None:
            return text, codec is not None or declared is None
    return _guess(data, codec), False


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, ValueError, LookupError):
        return None


def _guess(data: bytes, codec: str | None) -> str:
    if codec:
        text = data.decode(codec, "replace")
        if text.count("\ufffd") * 50 <= len(text):  # a few broken letters: the label was right
            return text
    strange = STRANGE.search(data)
    start = max(strange.start() - SAMPLE // 2, 0) if strange else 0
    return data.decode(_likely(data[start : start + SAMPLE]) or "cp1252", "replace")


def _likely(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    try:
        found = from_bytes(sample, steps=3, cp_isolation=list(GUESSES), preemptive_behaviour=False)
    except Exception:  # noqa: BLE001 - a guess about hostile bytes; windows-1252 always answers
        return None
    names = [match.encoding for match in found]
    return None if not names or "cp1252" in names else names[0]  # its neighbours fit Western text just as well


def storable(text: str) -> str:
    """Take out what databases refuse: NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")

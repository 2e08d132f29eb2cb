"""Text that may be shown: no hidden characters, no links, no addresses. Every output of the provider passes here."""

import re

_HIDDEN = [
    *range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5,
    0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10),
    0xFEFF, 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0FFF), *range(0xD800, 0xE000),
]  # fmt: skip
_SEEN: dict[int, str | None] = dict.fromkeys(_HIDDEN)
_SEEN |= dict.fromkeys([0x0C, 0x0B, 0x85, 0x2028, 0x2029, 0x0D], "\n") | {0xA0: " ", 0x202F: " ", 0x2007: " "}
_TAGS = re.compile("[\U000e0000-\U000e0fff\u202a-\u202e\u2066-\u2069]")

_DOT = r"[.\u3002\uff0e\uff61]"
_TOP = (
    r"com|net|org|io|info|biz|app|dev|ai|co|eu|uk|de|fr|es|it|nl|ch|at|be|pl|cz|us|ca|ru|cn|jp|in|br|me|tv|xyz|top|site|online"
    r"|shop|store|club|link|click|live|zip|mov|gov|edu|mil|int|example|test|invalid|localhost|local|page|cloud|tech|pro|cc|to|ly|gg"
)
_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,15}:(?://|[\\]{2}|(?=[\w.+-]{1,64}@))\S*"  # https://…, mailto:a@b
    r"|\b(?:javascript|data|vbscript|file|tel|sms):\S+"
    r"|[\w.+%-]{1,64}@[\w-]{1,63}(?:[.]?[\w-]{1,63}){0,5}"  # an address
    r"|\bwww\d{0,3}" + _DOT + r"\S+"
    r"|\b[\w-]{1,63}(?:"
    + _DOT
    + r"[\w-]{1,63}){0,5}"
    + _DOT
    + r"(?:"
    + _TOP
    + r"|xn--[\w-]+)(?![\w])(?::\d{1,5})?(?:[/?#]\S*)?"
    r"|\b\d{1,3}(?:" + _DOT + r"\d{1,3}){3}(?::\d{1,5})?(?:/\S*)?"  # an IPv4 address
    r"|//\S+",
    re.IGNORECASE,
)
_LABELLED = re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\n]{0,500}\)")
_EMPTY = re.compile(r"[(\[{] ?[)\]}]")
_GAP = re.compile(r" (?=[,.;!?])")
#: Characters that make markup somewhere: HTML, Markdown, tables.
_MARKUP: dict[int, str] = dict.fromkeys(map(ord, "<>*|"), " ") | {ord("`"): "'"}


def visible(text: str) -> str:
    """Take off control, zero-width, bidirectional and tag characters; line ends become `\\n`."""
    if text.isascii() and "\r" not in text and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_SEEN)


def hides(text: str) -> bool:
    """Say whether the text carries characters whose only use in a letter is to hide or turn text round."""
    return not text.isascii() and _TAGS.search(text) is not None


def without_links(text: str) -> str:
    """Take off links, hosts and addresses, in whatever form a mail program might make them clickable."""
    # A space stays in their place: two halves must not join to a new link, nor to a word that nobody wrote.
    return _LINK.sub(" ", _LABELLED.sub(r" \1 ", text))


def one_line(text: str, cap: int) -> str:
    """Make text that may stand in a title or a quote: one line, no links, no markup, at most `cap` characters."""
    text = visible(text[: cap * 8]).translate(_MARKUP)
    text = _EMPTY.sub(" ", " ".join(without_links(text).split()))
    return clip(_GAP.sub("", " ".join(text.split())), cap)


def clip(text: str, cap: int) -> str:
    """Cut at a word, and show that it was cut."""
    if len(text) <= cap:
        return text
    head = text[: cap - 1]
    space = head.rfind(" ")
    return (head[:space] if space > 0 else head).rstrip(" ,;:-–(") + "…"

"""HTML of a mail to plain text. What a reader would not see is dropped; quoted blocks get `> ` before each line."""

import re
from collections import Counter

from selectolax.lexbor import LexborHTMLParser, LexborNode

HTML_LIMIT = 2_000_000
"""Characters of HTML that are looked at."""
DEPTH_LIMIT = 3000
"""Elements open at once beyond which tags are only stripped: the parser walks up the open ones at each block."""
QUOTE_LIMIT = 50
"""Quoted blocks of one mail that get their marks."""
UNSEEN = "script,style,head,title,noscript,template,object,iframe,svg,[hidden]"
QUOTES = "blockquote[type=cite],div.gmail_quote,div.yahoo_quoted,blockquote.gmail_quote,div.moz-cite-prefix+blockquote"
BREAKS = frozenset(
    "br p div tr table ul ol li dl dt dd h1 h2 h3 h4 h5 h6 hr pre blockquote section article header footer address "
    "center form fieldset option".split()
)
BLOCKS = BREAKS - {"br", "hr"}
CELLS = frozenset({"td", "th"})
PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 table ul ol blockquote".split())
INVISIBLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|max-height|max-width|opacity)\s*:\s*0(?![.\d]*[1-9])"
    r"|mso-hide\s*:\s*all",
    re.I,
)
NOTHING = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad\u034f]+")
TAG = re.compile(r"<[^<>]*>")
OPEN_OR_CLOSE = re.compile(r"<(/?)([a-z][a-z0-9]*)")
# Void, or closed by the next of their kind: these do not pile up.
SHALLOW = frozenset(
    "area base br col embed hr img input link meta param source track wbr p li dt dd td th tr option".split()
)
EMPTY_LINES = re.compile(r"\n{3,}")
MARK = re.compile("\ue000(\\d{1,6})\ue001")


def to_text(html: str) -> str:
    """Give the visible text of an HTML mail, one line a block."""
    html = html[:HTML_LIMIT].replace("\ue000", "").replace("\ue001", "")
    if too_deep(html):
        return tidy(TAG.sub(" ", html))
    tree = LexborHTMLParser(html)
    root = tree.root
    if root is None:
        return ""
    _drop_unseen(tree)
    quotes = _cut_quotes(root)
    return tidy(_put_back(quotes, _flow(root)))


def too_deep(html: str) -> bool:
    """Say whether so many elements lie open at once that the parser would need quadratic time."""
    if html.count("<") < DEPTH_LIMIT:
        return False
    depth, still_open = 0, Counter[str]()
    for closing, name in OPEN_OR_CLOSE.findall(html.lower()):
        if name in SHALLOW:
            continue
        if not closing:
            depth, still_open[name] = depth + 1, still_open[name] + 1
        elif still_open[name]:
            depth, still_open[name] = depth - 1, still_open[name] - 1
        if depth > DEPTH_LIMIT:
            return True
    return False


def _drop_unseen(tree: LexborHTMLParser) -> None:
    """Cut what no reader sees; backwards, so that nothing is touched after an ancestor of it was freed."""
    for node in reversed(tree.css(UNSEEN)):
        node.decompose()
    for node in reversed(tree.css("[style]")):
        if INVISIBLE.search(node.attributes.get("style") or "") and node.tag not in ("html", "body"):
            node.decompose()


def _cut_quotes(root: LexborNode) -> list[str]:
    """Take quoted blocks out, the innermost first, leaving a mark where each stood."""
    quotes: list[str] = []
    for node in reversed(root.css(QUOTES)[:QUOTE_LIMIT]):
        text = tidy(_put_back(quotes, _flow(node)))
        quotes.append("\n".join("> " + line for line in text.splitlines()))
        node.replace_with(f"\ue000{len(quotes) - 1}\ue001")
    return quotes


def _put_back(quotes: list[str], text: str) -> str:
    return MARK.sub(lambda mark: f"\n{quotes[int(mark[1])]}\n", text) if quotes else text


def _flow(root: LexborNode) -> str:
    """Write the text nodes below one another, with a new line where a block begins or has ended."""
    pieces: list[str] = []
    for node in root.traverse(include_text=True):
        tag = node.tag
        if tag in BREAKS:
            pieces.append("\n\n" if tag in PARAGRAPHS else "\n")
            continue
        text = (node.text_content or "").replace("\n", " ") if tag == "-text" else " " if tag in CELLS else ""
        if text.isspace() and tag == "-text":
            pieces.append(" ")
            continue
        if (before := node.prev) is not None and before.tag in BLOCKS:
            pieces.append("\n")
        if text:
            pieces.append(text)
    return "".join(pieces)


def tidy(text: str) -> str:
    """Squeeze white space within lines, and more than one empty line."""
    if not text.isascii():
        text = NOTHING.sub("", text)
    text = "\n".join([" ".join(line.split()) for line in text.split("\n")]).strip()
    return EMPTY_LINES.sub("\n\n", text) if "\n\n\n" in text else text

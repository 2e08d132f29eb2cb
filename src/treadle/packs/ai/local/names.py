"""Who wrote: a person with a name to greet, or a team, a shop, a machine."""

from treadle.packs.ai.local.injection import orders_a_program
from treadle.packs.ai.local.plain import one_line
from treadle.packs.ai.local.tables import word_set
from treadle.packs.ai.local.words import fold, words

_CAP = 60
_MARKS = str.maketrans("", "", "-'’.")


def persons_name(display: str) -> str:
    """Give the name to greet, empty if the display name is no person's: `Krüger, Sabine` is `Sabine Krüger`."""
    name = one_line(display, _CAP).strip("\"' ")
    if name.count(",") == 1:
        last, first = (part.strip() for part in name.split(","))
        name = f"{first} {last}"
    parts = name.split()
    plain = all(part.translate(_MARKS).isalpha() for part in parts)
    odd = any(fold(part) in word_set("no_person") for part in parts) or orders_a_program(name, words(name))
    return name if 1 <= len(parts) <= 4 and plain and not odd else ""


def without_name_block(text: str, sender_name: str) -> str:
    """Cut the lines with name, company and telephone number under a letter that has no closing phrase before them."""
    lines = text.rstrip().split("\n")
    names = {word for word in words(sender_name) if len(word) > 1}
    start = len(lines)
    while start > 1 and _labels(lines[start - 1]):
        start -= 1
    named = (at for at in range(start, len(lines)) if names & set(words(lines[at])))
    return "\n".join(lines[: next(named, len(lines))]).rstrip()


def _labels(line: str) -> bool:
    """Whether a line could be part of a business card: short, and no sentence."""
    bare = line.strip()
    return len(bare) <= 45 and not bare.endswith((".", "!", "?", ":", ",")) and not bare.startswith(("-", "*", "•"))

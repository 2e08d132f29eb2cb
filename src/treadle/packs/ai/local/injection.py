"""Label letters that give orders to a program. A label for people to see: the barrier is what outputs cannot do."""

from collections.abc import Sequence

from treadle.packs.ai.local.plain import hides
from treadle.packs.ai.local.tables import orders
from treadle.packs.ai.threads import ThreadText

_MARKS = (
    "<|",
    "[inst]",
    "### instruction",
    "### system",
    "<<sys>>",
    "```system",
    "</mail>",
    "</email>",
    "begin system",
)
_SPEAKERS = ("system:", "assistant:", "- system:", "- assistant:")


def orders_a_program(text: str, words: Sequence[str]) -> bool:
    """Say whether a piece of text, given with its folded words, speaks to an assistant rather than to a person."""
    lowered = text.lower()
    if lowered.startswith(_SPEAKERS) or any(mark in lowered for mark in _MARKS):
        return True
    return next(orders().find(words), None) is not None


def hides_something(thread: ThreadText) -> bool:
    """Say whether a letter or a name carries characters that are there to hide or turn text round."""
    return any(hides(letter.text) or hides(letter.sender_name) for letter in thread.messages)

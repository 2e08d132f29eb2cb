"""Label letters that give orders to a program. A label for people to see: the barrier is what outputs cannot do."""

from treadle.packs.ai.local.plain import hides
from treadle.packs.ai.local.reading import Reading
from treadle.packs.ai.local.tables import orders
from treadle.packs.ai.local.words import words
from treadle.packs.ai.threads import ThreadText

_MARKS = (
    "<|",
    "[inst]",
    "### instruction",
    "### system",
    "<<sys>>",
    "```system",
    "system:",
    "assistant:",
    "</mail>",
    "</email>",
    "begin system",
)


def orders_a_program(text: str) -> bool:
    """Say whether one piece of text speaks to an assistant rather than to a person."""
    lowered = text.lower()
    return any(mark in lowered for mark in _MARKS) or next(orders().find(words(text)), None) is not None


def suspicious_instructions(thread: ThreadText, reading: Reading) -> bool:
    """Label a thread; looks at the raw letters too, for what cleaning takes off."""
    if any(hides(letter.text) or hides(letter.sender_name) for letter in thread.messages):
        return True
    said = (sentence.text for sentence in reading.said)
    return any(orders_a_program(text) for text in (thread.subject[:1000], *said))

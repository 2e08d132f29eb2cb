"""A sample mailbox: two weeks in the inbox of a small cargo bike maker. Reading it is the mail pack's work.

Written for Treadle: everybody in it is invented, every domain is reserved for tests and examples. A few messages are
broken on purpose (no charset, a nonsense date, an unclosed boundary, one Message-ID used twice, none at all), and one
tries to talk to an AI assistant.
"""

from importlib.resources import files
from pathlib import Path


def path() -> Path:
    """Name the sample mailbox, an mbox file (mboxrd) of about a hundred messages."""
    return Path(str(files(__name__) / "inbox.mbox"))

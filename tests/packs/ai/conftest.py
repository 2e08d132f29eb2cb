"""Values that most tests of the ai pack build: letters and threads, short to write."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from treadle.packs.ai.threads import Letter, ThreadText

WEDNESDAY = int(datetime(2026, 11, 18, 9, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def letter() -> Callable[..., Letter]:
    """Make a letter that came in on Wednesday, 18 November 2026."""

    def make(text: str, **changes: Any) -> Letter:
        fields: dict[str, Any] = {
            "sender_name": "Ada Byron",
            "sender_email": "ada@byron.example",
            "to": ("me@here.example",),
            "sent_at": WEDNESDAY,
        }
        return Letter(text=text, **(fields | changes))

    return make


@pytest.fixture
def thread(letter: Callable[..., Letter]) -> Callable[..., ThreadText]:
    """Make a thread of incoming letters; a text that begins with `< ` is one of ours."""

    def make(*texts: str, subject: str = "Desks", **changes: Any) -> ThreadText:
        letters = [
            letter(
                text[2:],
                direction="out",
                sender_name="Nora Feld",
                sender_email="me@here.example",
                to=("ada@byron.example",),
            )
            if text.startswith("< ")
            else letter(text, **changes)
            for text in texts
        ]
        return ThreadText(subject, tuple(letters))

    return make

"""One .eml file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from treadle.packs.mail.sources.folder import from_file
from treadle.packs.mail.sources.item import Item, Refused
from treadle.packs.mail.sources.mbox import fingerprint


@dataclass(frozen=True, slots=True)
class Single:
    """A mailbox of one message."""

    path: Path
    unit: str = "messages"
    total: int = 1

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path)

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield the message, unless it was read."""
        if not token:
            yield from_file(self.path, "1", 1)

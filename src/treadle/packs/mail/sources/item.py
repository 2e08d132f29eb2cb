"""What every source yields, and the one way to read a message's bytes with a limit."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from treadle.packs.mail.parse import OVERSIZE_WINDOW, RAW_LIMIT


@dataclass(frozen=True, slots=True)
class Item:
    """One raw message. A source opened again with this `token` goes on behind it."""

    token: str
    raw: bytes
    size: int
    """Its true size; `raw` holds only the beginning of a message beyond 50 MiB."""
    done: int
    """How much of `Source.total` lies behind this message."""
    arrived_at: int | None = None
    """When it was put here, in milliseconds, if the mailbox says so."""
    flags: str = ""
    """Maildir's letters: S seen, F flagged, D draft, T trashed, R replied, P passed."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is not read, and why; it is counted, the others come in."""

    token: str
    name: str
    why: str
    done: int


class Source(Protocol):
    """A mailbox that can be read again from where one stopped."""

    @property
    def total(self) -> int:
        """The size of the whole in `unit`, for progress."""
        ...

    @property
    def unit(self) -> str:
        """What `total` counts: bytes or messages."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the mailbox does; a token is good only for the fingerprint that it came with."""
        ...

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield what lies behind `token`, in a stable order, holding one message in memory."""
        ...


def bounded(file: IO[bytes], size: int) -> bytes:
    """Read a message that claims so many bytes: whole up to 50 MiB, else its beginning."""
    return file.read(size if size <= RAW_LIMIT else OVERSIZE_WINDOW)

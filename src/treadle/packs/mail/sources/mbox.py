"""mbox files, mboxrd quoting, plain or gzipped: read line by line from a byte offset, never as a whole.

Format: qmail's mbox(5) and RFC 4155; `>From ` at a line's start loses one `>` (mboxrd).
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from treadle.packs.mail.dates import parse_date
from treadle.packs.mail.parse import OVERSIZE_WINDOW, RAW_LIMIT
from treadle.packs.mail.sources.item import Item, Refused

# The full form is believed anywhere, the short ones only below an empty line: a sentence may begin with "From ".
FULL = re.compile(rb"From .{0,400}?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.{0,40}\d{1,2}:\d{2}.{0,40}\d{4}.{0,60}\r?\n?\Z")
SHORT = re.compile(rb"From (?:-|\S{1,320})?[ \t]*\r?\n?\Z")
QUOTED_FROM = re.compile(rb"^>(>*From )", re.M)
LINE = 64 * 1024
"""Bytes read at once; a longer line comes in pieces, only its first piece can be a separator."""


@dataclass(frozen=True, slots=True)
class Mbox:
    """One mbox file. Tokens are byte offsets of the next `From ` line (in the unpacked bytes if gzipped)."""

    path: Path
    now: int
    unit: str = "bytes"

    @property
    def total(self) -> int:
        return self.path.stat().st_size

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path)

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield the messages behind the offset `token`."""
        offset = int(token or 0)
        with _opened(self.path) as (file, packed):
            try:
                file.seek(offset)
                for item in _messages(file, packed, offset, self.now):
                    offset = int(item.token)
                    yield item
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield Refused(str(offset), self.path.name, f"the rest cannot be unpacked: {error}", self.total)


def fingerprint(path: Path) -> str:
    """Name the state of a file by its size and time of change."""
    status = path.stat()
    return f"{status.st_size}:{status.st_mtime_ns}"


def is_separator(line: bytes, *, below_empty: bool = True) -> bool:
    """Say whether this line begins a message."""
    if not line.startswith(b"From "):
        return False
    return FULL.match(line[:1000]) is not None or (below_empty and SHORT.match(line[:1000]) is not None)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open a mbox: the unpacked stream, and the file whose position tells how far we are."""
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked, file  # type: ignore[misc]  # a GzipFile reads, seeks and tells as IO[bytes] does
        else:
            file.seek(0)
            yield file, file


def _messages(file: IO[bytes], packed: IO[bytes], offset: int, now: int) -> Iterator[Item]:
    letter: _Letter | None = None
    before = b"\n"
    while line := file.readline(LINE):
        if before.endswith(b"\n") and is_separator(line, below_empty=not before.strip()):
            if letter is not None:
                yield letter.item(offset, offset if packed is file else packed.tell())
            letter = _Letter(arrived_at=_arrival(line, now))
        elif letter is not None or line.strip():
            letter = letter or _Letter(arrived_at=None)  # no separator at the top: then it is one message
            letter.add(line)
        offset, before = offset + len(line), line
    if letter is not None:
        yield letter.item(offset, packed.tell())


class _Letter:
    """The lines of one message, as they come; of a message beyond 50 MiB only the beginning."""

    def __init__(self, arrived_at: int | None) -> None:
        self.arrived_at = arrived_at
        self.lines: list[bytes] = []
        self.size = 0

    def add(self, line: bytes) -> None:
        if self.size <= RAW_LIMIT < self.size + len(line):
            self.lines = [b"".join(self.lines)[:OVERSIZE_WINDOW]]
        self.size += len(line)
        if self.size <= RAW_LIMIT:
            self.lines.append(line)

    def item(self, offset: int, done: int) -> Item:
        raw = b"".join(self.lines)
        size = self.size
        if len(raw) == size:
            # The empty line before the next separator is not part of the message.
            raw = raw[:-2] if raw.endswith(b"\r\n\r\n") else raw[:-1] if raw.endswith(b"\n\n") else raw
            raw = QUOTED_FROM.sub(rb"\1", raw) if b"From " in raw else raw
            size = len(raw)
        return Item(str(offset), raw, size, done, self.arrived_at)


def _arrival(separator: bytes, now: int) -> int | None:
    """Read the date of a `From ` line: `From ann@example.org Mon Mar  9 08:41:44 2026`, UTC."""
    words = separator.decode("ascii", "replace").split()[2:]
    if len(words) >= 5 and words[0][:3].isalpha():
        day, clock, year = words[2], words[3], words[-1] if words[-1].isdigit() else words[4]
        return parse_date(f"{day} {words[1]} {year} {clock} +0000", now)
    return None

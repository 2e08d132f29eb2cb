"""Folders: Maildir, and trees of .eml files that may hold mailboxes of other formats as well."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from treadle.packs.mail.sources.item import Item, Refused, Source, bounded

Opener = Callable[[Path], "Source | str"]
"""Opens a mailbox inside a folder, or says why not."""


@dataclass(frozen=True, slots=True)
class Maildir:
    """A Maildir with its Maildir++ subfolders (cr.yp.to/proto/maildir.html). Tokens are names without their flags."""

    path: Path
    unit: str = "messages"

    @property
    def total(self) -> int:
        return sum(1 for _ in self._names())

    @property
    def fingerprint(self) -> str:
        return "maildir"  # a message never changes in place: a token stays good

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield the messages whose name sorts behind `token`."""
        for number, (key, path) in enumerate(sorted(self._names()), 1):
            if key > token:
                yield from_file(path, key, number, _flags(path.name))

    def _names(self) -> Iterator[tuple[str, Path]]:
        for box in [self.path, *sorted(one for one in self.path.iterdir() if is_maildir(one))]:
            for part in ("cur", "new"):
                names = (one.name for one in os.scandir(box / part) if not one.name.startswith("."))
                for name in names:
                    # Flags change when mail is read: `1234.host:2,S`. The name before the colon does not.
                    yield f"{box.name if box != self.path else ''}/{_key(name)}", box / part / name


def is_maildir(path: Path) -> bool:
    """Say whether a folder is a Maildir."""
    return (path / "cur").is_dir() and (path / "new").is_dir()


def _key(name: str) -> str:
    return _printable(name.partition(":2,")[0])


def _flags(name: str) -> str:
    return "".join(letter for letter in name.partition(":2,")[2] if letter in "DFPRST")


@dataclass(frozen=True, slots=True)
class Folder:
    """A tree of .eml files and mailboxes. Tokens: the file's name, a TAB, and the inner token of a mailbox."""

    path: Path
    open_inner: Opener
    files: tuple[tuple[str, int], ...]
    """What can be read, relative to `path`, and its size; sorted by name."""
    unit: str = "bytes"

    @property
    def total(self) -> int:
        return sum(size for _, size in self.files)

    @property
    def fingerprint(self) -> str:
        return sha256(os.fsencode("\n".join(name for name, _ in self.files))).hexdigest()[:32]

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield messages and the messages of mailboxes, sorted by name, behind `token`."""
        last, _, inner_token = token.partition("\t")
        done = 0
        for name, size in self.files:
            shown = _printable(name)
            # A mailbox that was left in the middle has an inner token; a file that was read has none.
            if not token or shown > last:
                yield from self._read(name, shown, done, size, "")
            elif shown == last and inner_token:
                yield from self._read(name, shown, done, size, inner_token)
            done += size

    def _read(self, name: str, shown: str, before: int, size: int, token: str) -> Iterator[Item | Refused]:
        path = os.path.join(self.path, name)
        if name.lower().endswith(".eml"):
            yield from_file(path, shown, before + size)
            return
        inner = self.open_inner(Path(path))
        if isinstance(inner, str):
            yield Refused(shown, shown, inner, before + size)
        else:
            yield from _nested(inner, shown, before, size, token)


def open_folder(path: Path, open_inner: Opener) -> Folder:
    """List a tree of .eml files and mailboxes once; links are not followed."""
    return Folder(path, open_inner, tuple(sorted(_walk(str(path), ""), key=lambda file: _printable(file[0]))))


def _walk(place: str, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            elif wanted(entry.name) and entry.is_file(follow_symlinks=False):
                yield prefix + entry.name, entry.stat(follow_symlinks=False).st_size


def wanted(name: str) -> bool:
    """Say whether a name in a folder is one that we read."""
    name = name.lower()
    return not name.startswith(".") and name.endswith(
        (".eml", ".mbox", ".mbx", ".mbox.gz", ".zip", ".tar", ".tar.gz", ".tgz")
    )


def _nested(inner: Source, name: str, before: int, size: int, token: str) -> Iterator[Item | Refused]:
    """Read a mailbox inside the folder: its share of the whole is the size of its file."""
    total = max(inner.total, 1)
    for item in inner.items(token):
        done = before + size * min(item.done, total) // total
        if isinstance(item, Refused):
            yield Refused(f"{name}\t{item.token}", f"{name}/{item.name}", item.why, done)
        else:
            yield Item(f"{name}\t{item.token}", item.raw, item.size, done, item.arrived_at, item.flags)


def from_file(path: str | Path, token: str, done: int, flags: str = "") -> Item | Refused:
    """Read one message from a file of its own."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            raw = bounded(file, status.st_size)
        return Item(token, raw, status.st_size, done, int(status.st_mtime * 1000), flags)
    except OSError as error:
        return Refused(token, os.path.basename(token), f"cannot be read: {error.strerror}", done)


def _printable(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")

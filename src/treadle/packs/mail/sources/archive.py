"""Archives of .eml files: zip and tar(.gz). Read in memory, entry by entry; no entry's name ever touches the disk."""

import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from treadle import TreadleError
from treadle.packs.mail.sources.item import Item, Refused, bounded
from treadle.packs.mail.sources.mbox import fingerprint

ENTRY_LIMIT = 1_000_000
RATIO_LIMIT = 100
"""Unpacked bytes for one packed byte, of entries beyond 1 MiB; mail packs ten to one."""
ALWAYS_FINE = 1024 * 1024
TOTAL_LIMIT = 64 * 1024**3
BROKEN = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
OUTSIDE = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:")


class HostileArchive(TreadleError):
    """An archive that no mail program makes; nothing of it is imported."""


@dataclass(frozen=True, slots=True)
class Zip:
    """A zip of .eml files. Tokens are numbers of entries."""

    path: Path
    unit: str = "messages"

    @property
    def total(self) -> int:
        with zipfile.ZipFile(self.path) as archive:
            return len(self._entries(archive))

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path)

    def check(self) -> None:
        """Raise HostileArchive if names lead outside, or there is absurdly much in it."""
        with zipfile.ZipFile(self.path) as archive:
            self._entries(archive)

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield the .eml entries behind number `token`, sorted by name."""
        with zipfile.ZipFile(self.path) as archive:
            for number, entry in enumerate(self._entries(archive), 1):
                if number > int(token or 0):
                    yield _from_zip(archive, entry, number)

    def _entries(self, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        entries = archive.infolist()
        refuse_hostile(self.path, [entry.filename for entry in entries], sum(entry.file_size for entry in entries))
        return sorted((entry for entry in entries if is_message(entry.filename)), key=lambda entry: entry.filename)


def is_message(name: str) -> bool:
    """Say whether an entry is one that we read."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return last.lower().endswith(".eml") and not last.startswith(".") and "__MACOSX" not in name


def refuse_hostile(path: Path, names: list[str], total: int = 0) -> None:
    """Raise HostileArchive for names that lead outside and for amounts that no mailbox has."""
    for name in names:
        if OUTSIDE.search(name) or "\0" in name:
            raise HostileArchive(
                f"{path}: the entry {name[:100]!r} points outside the archive. Nothing was imported."
                " If you trust it, unpack it yourself and import the folder."
            )
    if len(names) > ENTRY_LIMIT or total > TOTAL_LIMIT:
        raise HostileArchive(
            f"{path}: {len(names):,} entries with {total:,} bytes are more than the limits"
            f" ({ENTRY_LIMIT:,} entries, {TOTAL_LIMIT:,} bytes). Nothing was imported. Split it into smaller archives."
        )


def _from_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, number: int) -> Item | Refused:
    token = str(number)
    why = _objection(entry)
    if why:
        return Refused(token, entry.filename[:200], why, number)
    try:
        with archive.open(entry) as file:
            raw = bounded(file, entry.file_size)
    except (*BROKEN, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        return Refused(token, entry.filename[:200], f"cannot be unpacked: {error}", number)
    return Item(token, raw, entry.file_size, number)


def _objection(entry: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a symbolic link"
    if entry.flag_bits & 1:
        return "is encrypted; unpack the archive with its password and import the folder"
    if entry.file_size > ALWAYS_FINE and entry.file_size > RATIO_LIMIT * max(entry.compress_size, 1):
        return f"unpacks to more than {RATIO_LIMIT} times its size"
    return None


@dataclass(frozen=True, slots=True)
class Tar:
    """A tar of .eml files, plain or compressed, read as a stream. Tokens are numbers of entries."""

    path: Path
    unit: str = "bytes"

    @property
    def total(self) -> int:
        return self.path.stat().st_size

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.path)

    def check(self) -> None:
        """Do nothing: a stream shows its names one by one. A hostile one raises HostileArchive when it comes."""

    def items(self, token: str = "") -> Iterator[Item | Refused]:
        """Yield the .eml entries behind number `token`, in the order of the archive."""
        seen = int(token or 0)
        with self.path.open("rb") as packed:
            try:
                for number, item in _entries(self.path, packed, seen):
                    seen = number
                    yield item
            except (*BROKEN, tarfile.TarError) as error:
                yield Refused(str(seen), self.path.name, f"the rest cannot be unpacked: {error}", self.total)


def _entries(path: Path, packed: IO[bytes], seen: int) -> Iterator[tuple[int, Item | Refused]]:
    with tarfile.open(fileobj=packed, mode="r|*") as archive:
        stream: Any = archive
        unpacked = 0
        for number, entry in enumerate(archive, 1):
            stream.members = []  # a stream never goes back; a million entries need not stay in memory
            unpacked += entry.size
            refuse_hostile(path, [entry.name], unpacked)
            if number > seen and is_message(entry.name):
                yield number, _from_tar(archive, entry, number, packed.tell())


def _from_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo, number: int, done: int) -> Item | Refused:
    file = archive.extractfile(entry) if entry.isreg() else None
    if file is None:
        return Refused(str(number), entry.name[:200], "is no plain file", done)
    return Item(str(number), bounded(file, entry.size), entry.size, done, int(entry.mtime * 1000) or None)

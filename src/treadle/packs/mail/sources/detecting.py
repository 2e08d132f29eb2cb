"""Which kind of mailbox a path is: by its look, not by its name alone."""

import gzip
import tarfile
import zipfile
import zlib
from pathlib import Path

from treadle import TreadleError
from treadle.packs.mail.formats import EXPECTED, FORMATS, Format
from treadle.packs.mail.parse import HEADER_LINE, WELL_KNOWN
from treadle.packs.mail.sources.archive import HostileArchive, Tar, Zip
from treadle.packs.mail.sources.folder import Maildir, is_maildir, open_folder, wanted
from treadle.packs.mail.sources.item import Source
from treadle.packs.mail.sources.mbox import Mbox, is_separator
from treadle.packs.mail.sources.single import Single


class NotAMailbox(TreadleError):
    """The path is none of the formats we read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is not a mailbox: {why}. Expected {EXPECTED}.")


def open_source(path: str | Path, format: Format = "auto", *, now: int) -> tuple[str, Source]:
    """Open a mailbox: its format's name and the source. Raises NotAMailbox or HostileArchive, each with a remedy."""
    place = Path(path).expanduser()
    if format not in FORMATS:
        raise NotAMailbox(place, f"the format {format!r} is not known; it is one of {', '.join(FORMATS)}")
    try:
        if not place.exists():
            raise NotAMailbox(place, "there is nothing of this name")
        kind = detect(place) if format == "auto" else format
        return kind, _open(place, kind, now)
    except OSError as error:
        raise NotAMailbox(place, f"it cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise NotAMailbox(place, f"the archive is damaged ({error})") from error


def detect(path: Path) -> str:
    """Name the format of a path. Raises NotAMailbox."""
    if path.is_dir():
        return _detect_folder(path)
    if not path.is_file():
        raise NotAMailbox(path, "it is neither a file nor a folder")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise NotAMailbox(path, "the file is empty")
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        return "zip"
    return _detect_text(path, _unpacked(path) if head.startswith(b"\x1f\x8b") else head)


def _detect_folder(path: Path) -> str:
    if is_maildir(path):
        return "maildir"
    if any(wanted(one.name) for one in path.rglob("*")):
        return "eml"
    raise NotAMailbox(path, "the folder holds no .eml file and no mailbox")


def _detect_text(path: Path, head: bytes) -> str:
    if head[257:262] == b"ustar":
        return "tar"
    first = head.lstrip(b"\r\n").partition(b"\n")[0]
    if is_separator(first):
        return "mbox"
    if HEADER_LINE.match(head.lstrip()) and WELL_KNOWN.search(head) and not path.name.endswith(".gz"):
        return "eml"
    raise NotAMailbox(path, "it does not begin with a `From ` line or a header")


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        return file.read(4096)


def _open(path: Path, kind: str, now: int) -> Source:
    match kind:
        case "mbox":
            return Mbox(path, now)
        case "maildir":
            return Maildir(path)
        case "eml":
            return open_folder(path, lambda inner: _inner(inner, now)) if path.is_dir() else Single(path)
        case "zip":
            return _checked(path, Zip(path))
        case _:
            return _checked(path, Tar(path))


def _checked(path: Path, archive: Zip | Tar) -> Source:
    archive.check()
    if isinstance(archive, Zip) and archive.total == 0:
        raise NotAMailbox(path, "the archive holds no .eml file (unpack it first if there is an mbox inside)")
    return archive


def _inner(path: Path, now: int) -> Source | str:
    """Open a mailbox inside a folder, or say why not."""
    try:
        return open_source(path, now=now)[1]
    except (NotAMailbox, HostileArchive) as error:
        return str(error)

"""The file outbox: a folder of .eml files that any mail program opens. Nothing leaves the machine.

A file appears whole or not at all, under a name of our own making; writing it again replaces it by the same mail.
"""

import contextlib
import os
import tempfile
from email.message import EmailMessage
from pathlib import Path

from treadle import TreadleError


class OutboxTrouble(TreadleError):
    """The folder cannot be written to."""

    def __init__(self, folder: Path, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        super().__init__(
            f"The outbox folder {folder} cannot be written: {reason}."
            " Make room or grant access there, or set TREADLE_OUTBOX to another folder."
        )


def write(folder: Path, name: str, message: EmailMessage) -> Path:
    """Write the message to `folder/name.eml` and return that path; durable when it returns."""
    path = folder / f"{name}.eml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, message.as_bytes())
    except OSError as error:
        raise OutboxTrouble(folder, error) from error
    return path


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # a directory cannot be opened there; the rename is durable with the journal
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

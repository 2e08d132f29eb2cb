"""Telling waiting workers that work has come: callbacks inside this process, a datagram to the others.

Every process that waits binds a datagram socket in the folder `<database>-wake`; whoever commits new
work sends each of them a byte. Where that is not to be had (Windows, a long path, a lost datagram),
`PRAGMA data_version` tells that somebody else has committed.
"""

import contextlib
import itertools
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from treadle.core.errors import StoreError
from treadle.stores.sqlite.connection import connect
from treadle.stores.sqlite.settings import SqliteSettings

Hint = Callable[[], None]

#: Seconds between looks at data_version: the safety net behind datagrams, and the only way without them.
SAFETY_NET, POLL = 0.25, 0.04

#: Longest path that a Unix socket's address holds on every system we know (macOS: 104 bytes with its end).
LONGEST_ADDRESS = 100


class Bell:
    """Rings all who wait on one database file."""

    def __init__(self, settings: SqliteSettings) -> None:
        self._settings = settings
        self._folder = Path(f"{settings.path}-wake")
        self._hints: dict[int, Hint] = {}
        self._numbers = itertools.count()
        self._ear: Ear | None = None
        self._lock = threading.Lock()
        self._sender: socket.socket | None = None

    def subscribe(self, hint: Hint) -> Callable[[], None]:
        """Call this hint at each ring, from any thread, until the answered function is called."""
        with self._lock:
            number = next(self._numbers)
            self._hints[number] = hint
            if self._ear is None:
                self._ear = Ear(self._settings, self._folder, self._tell)
        return lambda: self._leave(number)

    def _leave(self, number: int) -> None:
        with self._lock:
            self._hints.pop(number, None)
            ear = self._ear if not self._hints else None
            if ear:
                self._ear = None
        if ear:
            ear.close()

    def ring(self) -> None:
        """Wake those who wait here, then those in other processes; a failure to do so is no failure."""
        self._tell()
        with contextlib.suppress(OSError):
            mine = self._ear.address if self._ear else None
            for name in os.listdir(self._folder):
                if (address := str(self._folder / name)) != mine:
                    self._send(address)

    def close(self) -> None:
        ear, self._ear = self._ear, None
        if ear:
            ear.close()
        sender, self._sender = self._sender, None
        if sender:
            sender.close()

    def _tell(self) -> None:
        for hint in list(self._hints.values()):
            hint()

    def _send(self, address: str) -> None:
        if self._sender is None:
            self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sender.setblocking(False)
        try:
            self._sender.sendto(b"1", address)
        except ConnectionRefusedError:  # nobody is bound to it any more: its process died
            with contextlib.suppress(OSError):
                os.unlink(address)
        except OSError:
            pass  # a full buffer means that it has been woken already


class Ear:
    """One process's thread that hears rings, or looks at data_version."""

    def __init__(self, settings: SqliteSettings, folder: Path, heard: Hint) -> None:
        self._settings, self._heard = settings, heard
        self._closing = threading.Event()
        self._socket, self.address = _bind(folder)
        self._connection: sqlite3.Connection | None = None
        self._version = self._look()  # before anybody waits: whatever is committed from now on is news
        self._thread = threading.Thread(target=self._listen, name="treadle-ear", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._socket and self.address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"0", self.address)
        self._thread.join()
        if self._socket:
            self._socket.close()
        if self.address:
            with contextlib.suppress(OSError):
                os.unlink(self.address)

    def _listen(self) -> None:
        while not self._closing.is_set():
            rung = self._rung()
            before, self._version = self._version, self._look()
            if (rung or before != self._version) and not self._closing.is_set():
                self._heard()
        if self._connection:
            self._connection.close()

    def _look(self) -> int | None:
        """Read how often others have committed; None if the file cannot be read: the worker's own calls will tell."""
        try:
            self._connection = self._connection or connect(self._settings, cache_kib=64)
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except (sqlite3.Error, StoreError):
            return None
        return version

    def _rung(self) -> bool:
        if self._socket is None:
            self._closing.wait(POLL)
            return False
        try:
            self._socket.recv(64)
            return True
        except OSError:  # the time-out, mostly
            return False


def _bind(folder: Path) -> tuple[socket.socket | None, str | None]:
    """Bind a socket in this folder; (None, None) where that cannot be done."""
    address = str(folder / f"{os.getpid()}-{os.urandom(3).hex()}")
    if not hasattr(socket, "AF_UNIX") or len(os.fsencode(address)) > LONGEST_ADDRESS:
        return None, None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.settimeout(SAFETY_NET)
        listener.bind(address)
    except OSError:
        return None, None
    return listener, address

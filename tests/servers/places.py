"""Where a server lives: a private folder that its user can reach and a socket fits in, a port that stays free."""

import os
import random
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.servers.warden import warden

#: The user and the group of a server that refuses to run as root, when we are root.
NOBODY = 65534

#: Below the range from which systems give ports to anybody, so that a server finds its own again after a restart. The
#: bus of a cluster node, 10000 above, is below it as well.
PORTS = range(12_000, 22_000)
BUS = 10_000

#: Longest path of a unix socket: 107 bytes on Linux, 103 on macOS.
LONGEST_SOCKET = 100


def stand_in() -> int | None:
    """Name the user for servers that refuse root; None: they may run as ourselves."""
    return NOBODY if os.geteuid() == 0 else None


def lets_in(path: Path, uid: int | None) -> bool:
    """Tell whether this user may read a file or enter a folder, and pass all folders above it."""
    if uid is None:
        return True
    return all(is_open(folder.stat(), uid, stat.S_IXOTH) for folder in path.resolve().parents) and is_open(
        path.stat(), uid, stat.S_IROTH | stat.S_IXOTH
    )


def is_open(status: os.stat_result, uid: int, wish: int) -> bool:
    """Tell whether this user has a permission, given as that of "others"."""
    mode = status.st_mode >> 6 if status.st_uid == uid else status.st_mode
    return mode & wish == wish


def make_home(name: str, folder: Path | None, uid: int | None, longest: str) -> Path:
    """Make an empty folder that is this user's alone, short enough for the longest socket name in it.

    It is in `folder`, unless the user cannot enter that or its path is too long: then in the system's temporary folder.
    """
    given = [] if folder is None else [folder]
    for parent in (*given, Path(tempfile.gettempdir()), Path("/tmp")):
        if lets_in(parent, uid) and len(os.fsencode(parent / f"{name}-12345678" / longest)) <= LONGEST_SOCKET:
            home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
            warden.keep(home)
            give(home, uid)
            return home
    raise OSError(f"User {uid} can enter neither {tempfile.gettempdir()} nor /tmp; set TMPDIR to a folder that it can.")


def give(path: Path, uid: int | None) -> None:
    """Make this user the owner of a folder and all in it."""
    if uid is None:
        return
    os.chown(path, uid, uid)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)


def cache() -> Path | None:
    """Find the folder for what is made once a machine; None if somebody else sits in its place."""
    folder = Path(tempfile.gettempdir()) / f"treadle-test-cache-{os.geteuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return folder if is_ours else None


def free_port() -> int:
    """Find a port of the loopback that nobody holds now, neither it nor the one of its bus."""
    return next(port for port in shuffled(PORTS) if is_free(port) and is_free(port + BUS))


def shuffled(ports: range) -> Iterator[int]:
    # Not the generator that tests may have seeded: two runs would want the same ports.
    return iter(random.SystemRandom().sample(ports, len(ports)))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

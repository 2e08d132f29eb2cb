"""What the system knows of processes that are not our own children: who started whom, who stands still, who is gone."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Entry(NamedTuple):
    """One process as the system lists it."""

    parent: int
    state: str  # its first letter: R runs, S sleeps, T is stopped, Z has ended


def table() -> dict[int, Entry]:
    """List every process, by id."""
    if (PROC / "self" / "stat").exists():
        return dict(read_proc())
    listing = subprocess.run(["ps", "-axo", "pid=,ppid=,state="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listing.stdout.splitlines())
    return {int(pid): Entry(int(parent), state[0]) for pid, parent, state in rows}


def read_proc() -> Iterable[tuple[int, Entry]]:
    for folder in PROC.iterdir():
        with suppress(OSError):  # it may end while we look
            if folder.name.isdigit():
                # The name in parentheses may hold anything, also spaces and parentheses.
                state, parent, *_ = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield int(folder.name), Entry(int(parent), state)


def descendants(pid: int) -> set[int]:
    """Name whom this process has started, and whom those have."""
    entries, found, fresh = table(), set[int](), {pid}
    while fresh:
        fresh = {child for child, entry in entries.items() if entry.parent in fresh} - found
        found |= fresh
    return found


def are_gone(pids: Collection[int]) -> bool:
    """Tell whether all of them have ended. A zombie has, though its new parent may never look."""
    entries = table()
    return all(pid not in entries or entries[pid].state in "ZX" for pid in pids)


def are_stopped(pids: Collection[int]) -> bool:
    entries = table()
    return all(pid not in entries or entries[pid].state in "TtZX" for pid in pids)


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to those that still live."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def stop(pid: int) -> set[int]:
    """Let a process and all that it has started stand still; answer the others' ids."""
    send([pid], signal.SIGSTOP)
    comes_true(lambda: are_stopped([pid]), 5)  # from here on it starts no more
    others = descendants(pid)
    send(others, signal.SIGSTOP)
    comes_true(lambda: are_stopped(others), 5)
    return others


def comes_true(look: Callable[[], bool], seconds: float) -> bool:
    """Look again and again for so long; tell whether it came true."""
    patience = time.monotonic() + seconds
    while not look():
        if time.monotonic() > patience:
            return False
        time.sleep(0.01)
    return True

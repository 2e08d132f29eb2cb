"""The life of a server, whichever it is: launched, awaited, frozen, killed, started again in the same place."""

import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.servers import processes
from tests.servers.places import free_port, make_home
from tests.servers.warden import warden

#: Seconds that a server may take to answer or to end; none is meant to come near.
PATIENCE = 30.0
#: Seconds for the children of a killed server to notice. Those that do not are killed, too.
NOTICE = 10.0
#: How often a server may find that somebody was faster at its port.
PORTS_TO_TRY = 5


class ServerError(Exception):
    """A server that did not start, with the end of what it said."""


class MissingServer(ServerError):
    """No such server is installed here; the sentence says what brings one."""


class PortTaken(ServerError):
    """Somebody else listens where it wanted to."""


class Server(ABC):
    """A server on this machine's loopback and on a unix socket, in a folder of its own. As a context it is closed."""

    title: ClassVar[str]
    #: By which it ends well, and at once.
    ending: ClassVar[int]

    def __init__(self, folder: Path | None, uid: int | None, socket_name: str) -> None:
        self._uid, self._frozen, self._ended = uid, False, True
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.home = make_home(type(self).__name__.lower(), folder, uid, socket_name)
        self.log = self.home / "log"

    @abstractmethod
    def command(self) -> list[str]:
        """Say the words that start it, on its current port."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether it serves, by asking it."""

    def tidy(self) -> None:  # noqa: B027 - most servers leave nothing
        """Remove what a killed server leaves and the next one might stumble upon."""

    # ------------------------------------------------------------------------------------------------------- to begin

    def open(self, tries: int = PORTS_TO_TRY) -> Self:
        """Start it for the first time; on another port if somebody else has just taken its own."""
        try:
            self.launch()
        except BaseException as error:
            if isinstance(error, PortTaken) and tries > 1:
                self.log.unlink()
                self.port = free_port()
                return self.open(tries - 1)
            self.close()
            raise
        return self

    def launch(self) -> None:
        """Start it and wait until it answers."""
        assert not self.running, f"{self.title} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=self.home,
                env=surroundings(), umask=0o077, start_new_session=True, **identity(self._uid),
            )  # fmt: skip
        self._ended = self._frozen = False
        warden.watch(self.pid, self.ending)
        try:
            self._wait_for_answer()
        except BaseException:
            self.kill()
            raise

    def _wait_for_answer(self) -> None:
        in_time = processes.comes_true(lambda: not self.running or self.answers(), PATIENCE)
        if not (in_time and self.running):
            trouble = f"does not answer after {PATIENCE:.0f} s" if self.running else "ended while it started"
            kind = PortTaken if "address already in use" in self.tail().lower() else ServerError
            raise kind(f"{self.title} {trouble}. Its last words:\n{self.tail()}")

    def tail(self) -> str:
        """Read the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    # --------------------------------------------------------------------------------------------------------- to act

    @property
    def pid(self) -> int:
        assert self._process, "it was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether its process lives, frozen or not."""
        if self._process and self._process.poll() is not None and not self._ended:
            self._ended = True
            warden.release(self.pid)
        return not self._ended

    def freeze(self) -> None:
        """Let it and its children stand still, with all connections open."""
        assert self.running, f"{self.title} does not run"
        processes.stop(self.pid)
        self._frozen = True

    def thaw(self) -> None:
        """Let them go on."""
        assert self.running, f"{self.title} does not run"
        processes.send([*processes.descendants(self.pid), self.pid], signal.SIGCONT)
        self._frozen = False

    def kill(self) -> None:
        """End it as SIGKILL does, and wait until its children are gone as well."""
        if not self.running:
            return
        # It stands still while we count, so that no child is missed; a frozen child would not notice the end.
        os.kill(self.pid, signal.SIGSTOP)
        processes.comes_true(lambda: processes.are_stopped([self.pid]), NOTICE)
        children = processes.descendants(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        self._wait()
        if self._frozen or not processes.comes_true(lambda: processes.are_gone(children), NOTICE):
            processes.send(children, signal.SIGKILL)
            processes.comes_true(lambda: processes.are_gone(children), NOTICE)
        self.tidy()

    def stop(self) -> None:
        """End it well."""
        if not self.running:
            return
        if self._frozen:
            self.thaw()
        os.kill(self.pid, self.ending)
        try:
            self._wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def _wait(self) -> None:
        assert self._process
        self._process.wait(PATIENCE)
        assert not self.running

    def restart(self) -> None:
        """Start it again, stopped before or not: the same port, the same data."""
        self.stop()
        self.launch()

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        warden.clear(self.home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Group:
    """Servers that belong together. As a context it is closed."""

    def __init__(self, members: ExitStack) -> None:
        self._members = members

    def close(self) -> None:
        """Stop them all and remove their folders."""
        self._members.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_until(look: Callable[[], bool], what: str) -> None:
    """Look again and again until it is true."""
    if not processes.comes_true(look, PATIENCE):
        raise ServerError(f"{what} within {PATIENCE:.0f} s")


def identity(uid: int | None) -> dict[str, Any]:
    """Say to Popen as whom a process runs."""
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


def surroundings() -> dict[str, str]:
    """Give a server our environment without what would steer it (PGDATA, PGPORT, a language for its messages)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}

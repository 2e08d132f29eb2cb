"""A wire that a test can cut, mend and hold: a TCP proxy in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Self

from tests.servers.places import free_port


class Proxy:
    """Passes on what comes to `port`; each command has taken effect when it returns. As a context it is closed.

    `told` is what the other side is heard to say in place of its own words, each as long as what it stands for.
    """

    def __init__(self, target_host: str, target_port: int, told: Mapping[bytes, bytes] | None = None) -> None:
        self._target, self._told = (target_host, target_port), told or {}
        self.accepted = 0
        """How many connections have come."""
        self.held = 0
        """How many pieces of what was said have come and are not passed on yet."""
        self.port = free_port()
        self._door: socket.socket | None = None
        self._wires: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        """For the connections that come from now on; each waits for that which it has begun with."""
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {self.port}", daemon=True)
        self._thread.start()
        self.flow()
        self.heal()

    def cut(self) -> None:
        """Close every connection and refuse new ones."""
        self._do(self._cut)

    def heal(self) -> None:
        """Accept connections again."""
        self._do(self._heal)

    def stall(self) -> None:
        """Accept and keep connections, but pass nothing on, not even their end."""
        self._do(self._flowing.clear)

    def flow(self) -> None:
        """Pass on what has come meanwhile, and all that comes."""
        self._do(self._flowing.set)

    def forget(self) -> None:
        """Keep the connections that are there and pass nothing on for ever; those that come later are not touched."""
        self._do(self._forget)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, act: Callable[[], object]) -> None:
        """Let the thread do it, and wait."""

        async def acting() -> None:
            if asyncio.iscoroutine(doing := act()):
                await doing

        asyncio.run_coroutine_threadsafe(acting(), self._loop).result()

    # -------------------------------------------------------------------------------------------------- in the thread

    def _heal(self) -> None:
        if self._door is None:
            self._door = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._door.setblocking(False)
            self._loop.add_reader(self._door, self._accept, self._door)

    def _forget(self) -> None:
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def _cut(self) -> None:
        if self._door is not None:
            self._loop.remove_reader(self._door)
            self._door.close()
            self._door = None
        wires = list(self._wires)
        for wire in wires:
            wire.cancel()
        await asyncio.gather(*wires, return_exceptions=True)

    def _accept(self, door: socket.socket) -> None:
        near, _ = door.accept()
        self.accepted += 1
        wire = self._loop.create_task(self._join(near))
        self._wires.add(wire)
        wire.add_done_callback(self._wires.discard)
        wire.add_done_callback(lambda _: near.close())  # here: a cut may come before the task has begun

    async def _join(self, near: socket.socket) -> None:
        """Pass on between two sockets until both ends have closed or one has broken."""
        flowing = self._flowing
        with socket.socket() as far:
            for end in (near, far):
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await flowing.wait()
                await self._loop.sock_connect(far, self._target)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass_on(near, far, {}, flowing))
                    both.create_task(self._pass_on(far, near, self._told, flowing))
            except* OSError:
                pass  # whoever is left sees its connection closed

    async def _pass_on(
        self, source: socket.socket, sink: socket.socket, told: Mapping[bytes, bytes], flowing: asyncio.Event
    ) -> None:
        while piece := await self._loop.sock_recv(source, 65536):
            for words, others in told.items():
                piece = piece.replace(words, others)
            self.held += 1
            try:
                await flowing.wait()
            finally:
                self.held -= 1
            await self._loop.sock_sendall(sink, piece)
        await flowing.wait()
        sink.shutdown(socket.SHUT_WR)

"""A primary, its replica and three sentinels, for clients that ask who is the primary now."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers.server import Group, wait_until
from tests.servers.valkey import Address, Aof, Valkey

#: How many sentinels there are, and how many must agree that the primary is gone.
NUMBER, QUORUM = 3, 2
#: Milliseconds after which a sentinel takes a silent primary for dead, and until it lets another try a failover.
DOWN_AFTER, FAILOVER_TIMEOUT = 500, 5_000


class Sentinel(Valkey):
    """One sentinel. It rewrites its own configuration as it learns."""

    title = "Sentinel"

    def command(self) -> list[str]:
        """Say the words that start it, on its current port."""
        return [*super().command(), "--sentinel"]

    def primary(self, name: str) -> dict[str, str]:
        """Read what it knows of the primary."""
        with self.client() as client:
            fields: list[str] | dict[str, str] = client.execute_command("SENTINEL", "MASTER", name)
        return fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))


class Sentinels(Group):
    """Five servers that have found each other."""

    master_name = "treadle"

    def __init__(self, members: ExitStack, servers: list[Valkey], sentinels: list[Sentinel]) -> None:
        super().__init__(members)
        self.servers, self.sentinels = servers, sentinels

    @classmethod
    def start(cls, folder: Path | None = None, *, aof: Aof | None = None, binary: Path | None = None) -> Self:
        """Start them and wait until every sentinel knows all the others and the replica."""
        with ExitStack() as members:
            primary, replica = servers = start_pair(members, folder, aof, binary)
            wait_until(lambda: follows(replica), "the replica did not find its primary")
            watched = watching(cls.master_name, primary)
            sentinels = [
                members.enter_context(Sentinel.start(folder, options=watched, binary=binary)) for _ in range(NUMBER)
            ]
            group = cls(members, servers, sentinels)
            wait_until(group.is_complete, "the sentinels did not find each other")
            group._members = members.pop_all()
        return group

    @property
    def addresses(self) -> list[Address]:
        """List where the sentinels are, for `redis.sentinel.Sentinel`."""
        return [sentinel.address for sentinel in self.sentinels]

    @property
    def primary(self) -> Valkey:
        """Ask the sentinels which server is the primary now."""
        (named,) = {self._named_by(sentinel) for sentinel in self.sentinels}
        return next(server for server in self.servers if server.address == named)

    @property
    def replica(self) -> Valkey:
        return next(server for server in self.servers if server is not self.primary)

    def failover(self) -> Valkey:
        """Kill the primary; answer the new one as soon as all sentinels name it.

        The killed one can be restarted: the sentinels make it a replica.
        """
        killed, heir = self.primary, self.replica
        killed.kill()
        wait_until(lambda: self._is_primary(heir), "the sentinels named no other primary")
        return heir

    def is_complete(self) -> bool:
        """Tell whether every sentinel knows everybody."""
        known = [sentinel.primary(self.master_name) for sentinel in self.sentinels]
        others = [(told["num-other-sentinels"], told["num-slaves"]) for told in known]
        return others == [(str(NUMBER - 1), "1")] * NUMBER

    def _is_primary(self, server: Valkey) -> bool:
        named = {self._named_by(sentinel) for sentinel in self.sentinels}
        return named == {server.address} and server.info("replication")["role"] == "master"

    def _named_by(self, sentinel: Sentinel) -> Address:
        told = sentinel.primary(self.master_name)
        return told["ip"], int(told["port"])


def start_pair(members: ExitStack, folder: Path | None, aof: Aof | None, binary: Path | None) -> list[Valkey]:
    """Start a primary and its replica."""
    at_once: dict[str, object] = {"repl-diskless-sync-delay": 0}
    primary = members.enter_context(Valkey.start(folder, aof=aof, options=at_once, binary=binary))
    following = {**at_once, "replicaof": primary.address}
    return [primary, members.enter_context(Valkey.start(folder, aof=aof, options=following, binary=binary))]


def follows(replica: Valkey) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def watching(name: str, primary: Valkey) -> dict[str, object]:
    """Write down for a sentinel whom it watches."""
    return {
        f"sentinel monitor {name}": (*primary.address, QUORUM),
        f"sentinel down-after-milliseconds {name}": DOWN_AFTER,
        f"sentinel failover-timeout {name}": FAILOVER_TIMEOUT,
    }

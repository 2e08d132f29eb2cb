"""Three primaries that share the slots of one cluster; no replicas, so a node that is gone takes its slots along."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers.server import Group, wait_until
from tests.servers.valkey import Address, Aof, Valkey

SIZE, SLOTS = 3, 16_384
#: Milliseconds after which the others take a silent node for dead.
NODE_TIMEOUT = 1_000


class Cluster(Group):
    """A cluster on the loopback."""

    def __init__(self, members: ExitStack, servers: list[Valkey]) -> None:
        super().__init__(members)
        self.servers = servers

    @classmethod
    def start(
        cls,
        folder: Path | None = None,
        *,
        aof: Aof | None = None,
        options: Mapping[str, object] | None = None,
        binary: Path | None = None,
    ) -> Self:
        """Start the nodes, let them meet and wait until all agree that the cluster is whole."""
        wishes = {"cluster-enabled": "yes", "cluster-node-timeout": NODE_TIMEOUT, **(options or {})}
        with ExitStack() as members:
            servers = [
                members.enter_context(Valkey.start(folder, aof=aof, options=wishes, binary=binary)) for _ in range(SIZE)
            ]
            introduce(servers)
            cluster = cls(members, servers)
            cluster.wait_until_whole()
            cluster._members = members.pop_all()
        return cluster

    @property
    def nodes(self) -> list[Address]:
        return [server.address for server in self.servers]

    def url(self) -> str:
        """Say where a client may begin."""
        return self.servers[0].url(tcp=True)

    def kill_node(self, index: int) -> None:
        """Kill a node. The others refuse all commands as soon as they have noticed."""
        self.servers[index].kill()

    def restart_node(self, index: int) -> None:
        """Start a node again and wait until the cluster is whole."""
        self.servers[index].restart()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        wait_until(lambda: all(map(is_whole, self.servers)), "the cluster was not whole")


def introduce(servers: list[Valkey]) -> None:
    """Deal out the slots and let everybody meet the first."""
    bounds = [SLOTS * index // len(servers) for index in range(len(servers) + 1)]
    for index, server in enumerate(servers):
        with server.client() as client:
            # Its own epoch from the start: equal ones would have to be sorted out first.
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
            client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
            client.execute_command("CLUSTER MEET", *servers[0].address)


def is_whole(server: Valkey) -> bool:
    """Tell whether a node knows all the others and serves."""
    with server.client() as client:
        told = client.execute_command("CLUSTER INFO")
    said: dict[str, str] = told if isinstance(told, dict) else dict(line.split(":") for line in told.split())
    return said["cluster_state"] == "ok" and said["cluster_known_nodes"] == str(SIZE)

"""Three primaries that share the slots of one cluster; one that is gone takes its slots along, but for a replica."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.servers.server import Group, wait_until
from tests.servers.valkey import Address, Aof, Valkey

SIZE, SLOTS = 3, 16_384
#: Milliseconds after which the others take a silent node for dead.
NODE_TIMEOUT = 1_000
#: What all have in common. A replica is fed at once.
TOGETHER = {"cluster-enabled": "yes", "cluster-node-timeout": NODE_TIMEOUT, "repl-diskless-sync-delay": 0}


class Cluster(Group):
    """A cluster on the loopback."""

    def __init__(self, members: ExitStack, servers: list[Valkey]) -> None:
        super().__init__(members)
        self.servers = servers
        """The primaries, as they were at the start."""
        self._replicas: list[Valkey] = []

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
        wishes = {**TOGETHER, **(options or {})}
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

    def add_replica(self, index: int) -> Valkey:
        """Start a replica that takes a primary's place when it is gone, and wait until it follows."""
        primary, binary = self.servers[index], self.servers[index].binary
        replica = self._members.enter_context(Valkey.start(options=TOGETHER, binary=binary))
        self._replicas.append(replica)
        with replica.client() as client, primary.client() as followed:
            client.execute_command("CLUSTER MEET", *primary.address)
            self.wait_until_whole()
            client.execute_command("CLUSTER REPLICATE", followed.execute_command("CLUSTER MYID"))
        wait_until(lambda: replica.info("replication").get("master_link_status") == "up", "the replica did not follow")
        return replica

    def wait_until_copied(self) -> None:
        """Wait until replicas have all that their primaries have."""
        for replica in self._replicas:
            wait_until(lambda replica=replica: self._has_all(replica), "the replica was behind")  # type: ignore[misc]  # bound now

    def _has_all(self, replica: Valkey) -> bool:
        told = replica.info("replication")
        primary = next(server for server in self.servers if server.port == int(told["master_port"]))
        return bool(told["slave_repl_offset"] == primary.info("replication")["master_repl_offset"])

    def wait_until_whole(self) -> None:
        members = [*self.servers, *self._replicas]
        wait_until(lambda: all(is_whole(server, len(members)) for server in members), "the cluster was not whole")


def introduce(servers: list[Valkey]) -> None:
    """Deal out the slots and let everybody meet the first."""
    bounds = [SLOTS * index // len(servers) for index in range(len(servers) + 1)]
    for index, server in enumerate(servers):
        with server.client() as client:
            # Its own epoch from the start: equal ones would have to be sorted out first.
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", index + 1)
            client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[index], bounds[index + 1] - 1)
            client.execute_command("CLUSTER MEET", *servers[0].address)


def is_whole(server: Valkey, size: int) -> bool:
    """Tell whether a node knows all the others and serves."""
    with server.client() as client:
        told = client.execute_command("CLUSTER INFO")
    said: dict[str, str] = told if isinstance(told, dict) else dict(line.split(":") for line in told.split())
    return said["cluster_state"] == "ok" and said["cluster_known_nodes"] == str(size)

"""What kind of servers answer: their version, and what would lose jobs there."""

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.core.job import StoreFacts
from treadle.stores.redis.settings import Kind, RedisSettings
from treadle.stores.redis.wire import Wire

#: The oldest server whose scripts do what ours need. Valkey says this of itself as well.
OLDEST = (7, 0)


class Server(NamedTuple):
    """What one server told."""

    name: str
    """Its kind and version, such as "Valkey 8.1.4"."""
    version: tuple[int, ...]
    role: str
    policy: str
    appends: bool
    """It keeps an append-only file."""
    bits: str
    clustered: bool
    flushed: str = ""
    """When that file reaches the disk; empty where it would not say."""


async def probe(wire: Wire) -> list[Server]:
    """Ask all servers. Raises StoreError."""
    told = [read_info(answer) for answer in await wire.command("INFO")]
    flushed: Sequence[list[bytes]] = [[]] * len(told)
    with contextlib.suppress(StoreError):  # some forbid to ask
        flushed = await wire.command("CONFIG", "GET", "appendfsync")
    return [server._replace(flushed=b"".join(each[1:]).decode()) for server, each in zip(told, flushed, strict=True)]


def read_info(text: bytes) -> Server:
    """Read what INFO answers."""
    lines = (line.partition(":") for line in text.decode(errors="replace").splitlines())
    told = {name: value.strip() for name, _, value in lines}
    version = told.get("redis_version", "0")
    own = told.get("valkey_version")
    return Server(
        f"Valkey {own}" if own else f"Redis {version}",
        tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()),
        told.get("role", "master"),
        told.get("maxmemory_policy", "noeviction"),
        told.get("aof_enabled") != "0",
        told.get("arch_bits", "64"),
        told.get("cluster_enabled") == "1",
    )


def refuse_unfit(servers: Sequence[Server], settings: RedisSettings) -> None:
    """Raise StoreError for a server on which jobs would be lost, or nothing would work."""
    for server in servers:
        if server.version < OLDEST:
            raise StoreError(
                f"{settings.place}: {server.name} is too old; Treadle needs Redis 7 or Valkey 8, or newer."
            )
        if server.bits == "32":
            raise StoreError(f"{settings.place}: a server of 32 bits cannot count our jobs; use one of 64 bits.")
        if server.policy != "noeviction":
            raise StoreError(
                f"{settings.place}: with maxmemory-policy {server.policy} the server throws jobs away when its memory"
                " is full. Set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the server's file)."
            )
        if server.role == "slave":
            raise StoreUnavailable(
                f"{settings.place}: this server is a replica, which takes no writes. Name the primary, or its sentinels"
                " (redis+sentinel://...)."
            )
        if server.clustered and settings.kind is not Kind.CLUSTER:
            raise StoreError(f"{settings.place}: this server is a node of a cluster. Write redis+cluster://host:port")


NO_FILE = (
    "without an append-only file all jobs since the last snapshot are lost when the server ends. Set `appendonly yes`"
    " (CONFIG SET appendonly yes, and in the server's file)."
)

SURVIVES = {
    "always": "power loss of the server",
    "everysec": "the end of the server's process; power loss may take the last second (appendfsync everysec)",
    "no": "the end of the server's process; power loss may take half a minute (appendfsync no)",
    "": "the end of the server's process; what power loss takes depends on appendfsync, which it does not tell",
}


def facts_of(servers: Sequence[Server], settings: RedisSettings) -> StoreFacts:
    """Say what a person should know: of several servers, what is true of the worst."""
    names = ", ".join(dict.fromkeys(server.name for server in servers))
    if not all(server.appends for server in servers):
        lost = "nothing but the death of workers: there is no append-only file"
        return StoreFacts(f"{names}, {settings.where}", lost, (NO_FILE[0].upper() + NO_FILE[1:],))
    order = list(SURVIVES)
    worst = max((server.flushed for server in servers), key=lambda flushed: order.index(flushed))
    return StoreFacts(f"{names}, {settings.where}", SURVIVES[worst])

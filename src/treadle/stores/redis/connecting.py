"""How a connection is made: to a server, and to the primary that sentinels name."""

import asyncio
from functools import partial
from typing import Any

from redis import exceptions as told
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from treadle.core.errors import StoreError, StoreUnavailable
from treadle.stores.redis.guides import Guides
from treadle.stores.redis.settings import Address, Login, RedisSettings

#: Seconds that one sentinel may take.
SENTINEL_PATIENCE = 1.0

#: Bytes that are read at once: the answer to a claim of a hundred jobs is half of it.
READ = 131_072


async def connect(settings: RedisSettings, address: Address) -> AbstractConnection:
    """Connect to a server that keeps jobs, on the chosen database. Raises the driver's errors."""
    return await _connect(settings, address, settings.login, settings.db)


async def connect_to_primary(settings: RedisSettings, sentinels: Guides) -> AbstractConnection:
    """Ask the sentinels who is the primary, and connect to it. Raises the driver's errors, StoreError."""
    primary = await sentinels.ask(partial(_ask_sentinel, settings))
    if primary is None:
        raise StoreUnavailable(
            f"{settings.place}: no sentinel knows a service {settings.service!r}, or a primary of it."
            " Correct the URL, or see `SENTINEL MASTERS`."
        )
    return await connect(settings, primary)


async def _ask_sentinel(settings: RedisSettings, address: Address) -> Address | None:
    async with asyncio.timeout(SENTINEL_PATIENCE):
        connection = await _connect(settings, address, settings.sentinel_login, 0)
        try:
            await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.service)
            found = await connection.read_response()
        except told.ResponseError as error:
            raise StoreError(f"{settings.place}: {address} is no sentinel ({error}). Correct the URL.") from error
        finally:
            await connection.disconnect(nowait=True)
    return Address(found[0].decode(), int(found[1])) if found else None


async def _connect(settings: RedisSettings, address: Address, login: Login, db: int) -> AbstractConnection:
    connection = _make(settings, address, login, db)
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await connection.connect()  # type: ignore[no-untyped-call]  # the driver's
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection


def _make(settings: RedisSettings, address: Address, login: Login, db: int) -> AbstractConnection:
    # The driver's own time limits would cost each call a task; ours surrounds the whole call.
    common: dict[str, Any] = {
        "username": login.username, "password": login.password, "db": db, "protocol": 2, "socket_timeout": None,
        "socket_connect_timeout": settings.connect_timeout, "socket_read_size": READ,
    }  # fmt: skip
    if not address.port:
        return UnixDomainSocketConnection(path=address.host, **common)
    if settings.encryption is None:
        return Connection(host=address.host, port=address.port, **common)
    options: dict[str, Any] = dict(settings.encryption)
    options["ssl_check_hostname"] = options.get("ssl_cert_reqs") != "none"
    return SSLConnection(host=address.host, port=address.port, **options, **common)

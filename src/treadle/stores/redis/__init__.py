"""Jobs in Redis 7 and Valkey 8 and newer: many machines, on one server, behind Sentinel or in a cluster."""

from treadle.core.ids import Clock
from treadle.core.store import Store


def open_redis(url: str, clock: Clock | None) -> Store:
    """Make the store that this URL names. Raises ConfigError, MissingDriver."""
    from treadle.stores.drivers import need
    from treadle.stores.redis.settings import settings_from

    settings = settings_from(url)
    need("redis", "redis", "A store in Redis or Valkey")
    from treadle.stores.redis.store import RedisStore

    return RedisStore(settings, clock)

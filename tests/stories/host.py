"""A server that belongs to one story, which may kill it, freeze it and rid it of its clients."""

from tests.servers.postgres import Postgres, connect
from tests.servers.valkey import Valkey


class PostgresHost:
    """A PostgreSQL and one database in it."""

    def __init__(self, server: Postgres, database: str) -> None:
        self.server, self.url = server, server.url(database)
        self._database = database

    def drop_connections(self) -> int:
        """End all that Treadle has open there; answer how many that were."""
        ask = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'treadle'"
        with connect(self.url) as connection:
            return len(connection.execute(ask).fetchall())


class RedisHost:
    """A Redis or Valkey that has on disk what it has answered."""

    def __init__(self, server: Valkey) -> None:
        self.server, self.url = server, server.url()

    def drop_connections(self) -> int:
        """End all connections but our own, those that listen among them; answer how many that were."""
        with self.server.client() as client:
            return sum(client.client_kill_filter(_type=kind, skipme=True) for kind in ("normal", "pubsub"))


Host = PostgresHost | RedisHost

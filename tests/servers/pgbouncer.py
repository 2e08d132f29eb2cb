"""A real PgBouncer in front of a PostgreSQL: what the usual pooler does to sessions, LISTEN and prepared statements."""

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, Self
from urllib.parse import quote

from tests.servers.places import give, lets_in, stand_in
from tests.servers.server import MissingServer, Server, ServerError

# With words that --ci lets pass: a machine that has only pip cannot have it.
MISSING = "PgBouncer is not on this platform: no wheel brings it, your system's package pgbouncer does."

PoolMode = Literal["session", "transaction", "statement"]


def find() -> Path | None:
    """Find the program, also where only root has it on the PATH."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
    return Path(found) if found else None


class Pooled(Protocol):
    """What stands behind it: ours, or one that somebody else runs."""

    def url(self) -> str: ...


class PgBouncer(Server):
    """One PgBouncer: any database of the server behind it, for the user who is in that server's URL."""

    title = "PgBouncer"
    ending = signal.SIGKILL  # its signals changed their meaning in 1.23, and it has nothing to lose

    @classmethod
    def start(
        cls,
        folder: Path | None,
        postgres: Pooled,
        *,
        pool_mode: PoolMode = "transaction",
        options: Mapping[str, object] | None = None,
    ) -> Self:
        """Start one; `options` are settings of its section [pgbouncer]."""
        program = find()
        if program is None:
            raise MissingServer(MISSING)
        server = cls(folder, program, postgres)
        if not lets_in(program, server._uid):
            server.close()
            raise ServerError(f"User {server._uid} cannot run {program}, and PgBouncer refuses to run as root.")
        server._settings = {"pool_mode": pool_mode, "max_client_conn": 1000, **(options or {})}
        return server.open()

    def __init__(self, folder: Path | None, program: Path, postgres: Pooled) -> None:
        from psycopg.conninfo import conninfo_to_dict

        super().__init__(folder, stand_in(), socket_name=".s.PGSQL.12345")
        self._program, self._settings = program, dict[str, object]()
        self._behind = {name: str(value) for name, value in conninfo_to_dict(postgres.url()).items()}
        self.user, self.password = self._behind["user"], self._behind.get("password", "treadle")

    def command(self) -> list[str]:
        """Write its configuration, which holds the port, and say the words that start it."""
        behind = " ".join(
            f"{name}={self._behind[name]}" for name in ("host", "port", "password") if name in self._behind
        )
        own = {
            "listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": self.home,
            "auth_type": "scram-sha-256", "auth_file": self.home / "users", "admin_users": self.user,
        }  # fmt: skip
        settings = "\n".join(f"{name} = {value}" for name, value in {**own, **self._settings}.items())
        (self.home / "users").write_text(f'"{self.user}" "{self.password}"\n')
        (self.home / "pgbouncer.ini").write_text(f"[databases]\n* = {behind}\n[pgbouncer]\n{settings}\n")
        give(self.home, self._uid)
        return [str(self._program), str(self.home / "pgbouncer.ini")]

    def answers(self) -> bool:
        """Tell whether it lets a statement through; by TCP, for it would do without its port."""
        import psycopg

        try:
            with psycopg.connect(self.url(tcp=True), connect_timeout=5) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """Say where a database is; `pgbouncer` is the one for its own SHOW commands."""
        who = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        if tcp:
            return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"postgresql://{who}@/{quote(database, safe='')}?host={quote(str(self.home))}&port={self.port}"

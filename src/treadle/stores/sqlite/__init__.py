"""Jobs in one SQLite file: several processes of one machine, durable by default."""

from treadle.stores.sqlite.settings import SqliteSettings, settings_from
from treadle.stores.sqlite.store import SqliteStore

__all__ = ["SqliteSettings", "SqliteStore", "settings_from"]

"""What a `sqlite://` URL says, checked once."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from treadle.core.errors import ConfigError

DURABILITIES = ("full", "fast")


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """Where the file is, and what an answered call survives."""

    path: Path
    durability: str = "full"
    """`full`: power loss. `fast`: the death of any process, but power loss may take the newest commits."""
    patience: float = 10.0
    """Seconds to wait for another process's write lock before saying so."""
    migrate: bool = True
    """Make and update the tables at the first use."""

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}" + ("" if self.durability == "full" else f"?durability={self.durability}")


def settings_from(url: str, migrate: bool = True) -> SqliteSettings:
    """Read `sqlite:///relative.db` or `sqlite:////absolute.db`, with `?durability=fast`. Raises ConfigError."""
    parts = urlsplit(url)
    if parts.netloc:
        raise ConfigError(
            f"The store URL names a host ({parts.hostname!r}). A SQLite URL has three slashes before a relative path"
            " (sqlite:///jobs.db) and four before an absolute one."
        )
    path = unquote(parts.path)[1:]
    if not path or path == ":memory:" or path.endswith("/"):
        raise ConfigError(f"{url!r} names no file. Treadle keeps its promises only on disk: sqlite:///jobs.db")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    durability = options.pop("durability", "full").lower()
    if durability not in DURABILITIES:
        raise ConfigError(f"{url!r}: durability={durability!r} is not known; it is one of {', '.join(DURABILITIES)}.")
    if options:
        raise ConfigError(f"{url!r}: the option {next(iter(options))!r} is not known; there is `durability`.")
    return SqliteSettings(Path(path), durability, migrate=migrate)

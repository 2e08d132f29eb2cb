"""Settings, read once from the environment; each has a sentence, a default that works, and is checked in one place."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from treadle.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an application keeps and runs its jobs."""

    store: str = field(default="sqlite:///treadle.db", metadata={"env": ("STORE",)})
    """Where the jobs are kept, as a URL."""
    payload_limit: int = field(default=256 * 1024, metadata={"least": 64})
    """Bytes of JSON that a job's arguments may take."""
    result_limit: int = field(default=1024 * 1024, metadata={"least": 64})
    """Bytes of JSON that a job's result may take."""
    result_ttl: timedelta = field(default=timedelta(hours=1), metadata={"also": "ARQ_KEEP_RESULT"})
    """How long a result is kept after the job completed."""
    job_timeout: timedelta = field(default=timedelta(minutes=5), metadata={"also": "ARQ_JOB_TIMEOUT"})
    """How long an attempt may run where its task does not say; 0 means for ever."""
    concurrency: int = field(default=10, metadata={"least": 1, "also": "ARQ_MAX_JOBS"})
    """How many jobs a worker process runs at once."""
    lease: timedelta = field(default=timedelta(seconds=15), metadata={"least": timedelta(seconds=1)})
    """How long a worker's claims hold without a heartbeat (one is sent five times as often)."""
    grace: timedelta = timedelta(seconds=25)
    """How long running jobs may go on when the worker is asked to stop, before they are handed back."""
    stop_grace: timedelta = timedelta(seconds=5)
    """How long a cancelled or timed out job may tidy up before it is left behind or killed."""
    keep_completed: timedelta = timedelta(days=7)
    """How long completed jobs are kept, where their task does not say."""
    keep_failed: timedelta = timedelta(days=30)
    """How long failed and cancelled jobs are kept, where their task does not say."""
    keep_runs: int = field(default=100, metadata={"least": 0})
    """How many of the last runs of each task are kept, however old they are."""
    archive: str | None = field(default=None, metadata={"kind": str})
    """A directory in which workers keep what they delete for its age, as compressed lines of JSON."""
    auto_migrate: bool | None = field(default=None, metadata={"kind": bool})
    """Whether opening the store makes and updates its tables; by default only those of a SQLite file."""
    fallback: str | None = field(default=None, metadata={"kind": str})
    """A SQLite URL: where enqueued jobs wait on this host while the store is away."""
    database_url: str | None = field(default=None, metadata={"kind": str})
    """The application's own database, where jobs are kept elsewhere: packs keep their tables there, and jobs enqueued
    in one of its transactions wait there for the commit."""


def settings_from(environ: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Read `TREADLE_*`, and the names that other systems use; what is given wins. Raises ConfigError."""
    values = {name: value for name, value in given.items() if value is not None}
    known = {"TREADLE_" + each.name.upper() for each in fields(Settings)} | OTHERS
    for each in fields(Settings):
        names = ("TREADLE_" + each.name.upper(), each.metadata.get("also"))
        found = next((name for name in names if name and environ.get(name)), None)
        if each.name not in values and found:
            values[each.name] = _convert(found, environ[found], each.metadata.get("kind", type(each.default)))
    values.setdefault("store", store_from(environ))
    if not is_database(values["store"]) and environ.get("DATABASE_URL"):
        values.setdefault("database_url", environ["DATABASE_URL"])
    _warn_of_strangers(environ, known)
    for each in fields(Settings):
        _check(each.name, values.get(each.name, each.default), each.metadata.get("least"))
    return Settings(**values)


#: Read elsewhere, not settings of an application.
OTHERS = frozenset(
    {"TREADLE_OUTBOX", "TREADLE_APP", "TREADLE_LOG", "TREADLE_DEBUG", "TREADLE_CHROMIUM", "TREADLE_YARDSTICK"}
)


def store_from(environ: Mapping[str, str]) -> str:
    """Pick the store's URL: TREADLE_STORE, only if unset DATABASE_URL, else REDIS_URL, else a file here."""
    for name in ("TREADLE_STORE", "DATABASE_URL", "REDIS_URL"):
        if url := environ.get(name):
            return url
    return "sqlite:///treadle.db"


def is_database(url: str) -> bool:
    """Tell whether jobs are kept in a database that may hold other tables, too."""
    return url.partition(":")[0].partition("+")[0].lower() in ("sqlite", "postgresql", "postgres")


def duration(text: str) -> timedelta:
    """Read "90", "90s", "5m", "24h", "7d" as a length of time; plain numbers are seconds. Raises ConfigError."""
    number = text.strip().rstrip("mshdw")
    unit = text.strip()[len(number) :] or "s"
    try:
        return timedelta(seconds=float(number) * UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        raise ConfigError(f"{text!r} is not a duration; write 90s, 5m, 24h or 7d.") from None


def database_path(url: str) -> "Path | None":
    """Give the file behind a SQLite URL; None for another store."""
    from pathlib import Path

    scheme, _, rest = url.partition(":///")
    return Path(rest.partition("?")[0]) if scheme.startswith("sqlite") else None


def _convert(name: str, text: str, kind: type) -> Any:
    if kind is timedelta:
        try:
            return duration(text)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None
    if kind is bool:
        return _truth(name, text)
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{name}={text!r} is not a whole number.") from None
    return text


#: How yes and no are written.
TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _truth(name: str, text: str) -> bool:
    if text.strip().lower() not in TRUTHS:
        raise ConfigError(f"{name}={text!r} is neither yes nor no; write one of {', '.join(TRUTHS)}.")
    return TRUTHS[text.strip().lower()]


def _check(name: str, value: Any, least: Any) -> None:
    if least is not None and value < least:
        raise ConfigError(f"The setting {name}={value} is too small; it must be at least {least}.")
    if isinstance(value, timedelta) and value < timedelta(0):
        raise ConfigError(f"The setting {name}={value} cannot be negative.")


def _warn_of_strangers(environ: Mapping[str, str], known: set[str] | frozenset[str]) -> None:
    for name in environ:
        if name.startswith("TREADLE_") and name not in known and not name.startswith("TREADLE_TEST_"):
            import difflib

            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            warnings.warn(f"{name} is not a setting of Treadle.{hint}", stacklevel=3)

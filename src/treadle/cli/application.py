"""The application that a command works with: one that is named, one made of every pack installed, or a bare store."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from treadle.cli.exits import NoStoreYet
from treadle.core.errors import ConfigError, MissingExtra, TreadleError

if TYPE_CHECKING:
    from treadle import Pack, Treadle

GROUP = "treadle.packs"
PLACE = ("treadle.cli.application", "default_app")
SOURCES = ("TREADLE_STORE", "DATABASE_URL", "REDIS_URL")


def default_app() -> "Treadle":
    """Make the application of the environment's store and every installed pack; child processes find it here."""
    app, _ = app_of_packs()
    return app


def app_of_packs() -> "tuple[Treadle, list[str]]":
    """Make that application, and a sentence for each pack that had to be left out."""
    from treadle import Treadle

    app = Treadle()
    app.place = PLACE
    left_out = []
    for entry in sorted(entry_points(group=GROUP)):
        try:
            app.include(load_pack(entry))
        except MissingExtra as error:
            left_out.append(f"The pack {entry.name} is left out. {error}")
    return app, left_out


def chosen_app(reference: str | None, store: str | None, quiet: bool = False) -> "Treadle":
    """Load the application that is named or, where none is, make one of all packs; `store` decides where it works.

    Raises ConfigError, also for an application that names a store of its own.
    """
    from treadle.cli.show import note

    choose_store(store)
    if reference is None:
        app, left_out = app_of_packs()
        for sentence in left_out if not quiet else ():
            note(sentence)
        return app
    app = named_app(reference)
    if store and app.settings.store != store:
        raise ConfigError(f"{reference} names its own store, {app.store.url}; leave --store away.")
    return app


def load_pack(entry: EntryPoint) -> "Pack":
    """Import a pack. Raises MissingExtra with the command that installs what it needs, ConfigError."""
    from treadle import Pack

    try:
        pack = entry.load()
    except ModuleNotFoundError as error:
        library = (error.name or str(error)).partition(".")[0]
        if library == "treadle":
            raise ConfigError(f"The pack {entry.name} is installed but not there ({entry.value}).") from error
        # A pack that builds on several others has no extra of its own.
        extra = entry.name if entry.name in ("ai", "crm", "mail", "notify") else "all"
        raise MissingExtra(extra, library) from error
    except AttributeError as error:
        raise ConfigError(f"The pack {entry.name} cannot be used: {error}.") from error
    if not isinstance(pack, Pack):
        raise ConfigError(f"The pack {entry.name} cannot be used: {entry.value} is not a Pack.")
    return pack


def named_app(reference: str) -> "Treadle":
    """Import the application `MODULE:NAME`, from the current folder too. Raises ConfigError."""
    from treadle.locate import find_application, parse

    place = parse(reference)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        app = find_application(*place)
    except TreadleError:
        raise
    except Exception as error:  # whatever the module of somebody else does while it is imported
        raise ConfigError(f"{reference} cannot be loaded: {_whose(error)}. TREADLE_DEBUG=1 shows more.") from error
    app.place = app.place or place
    return app


def _whose(error: BaseException) -> str:
    """Say what went wrong in the user's own code, and in which line."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}, line {error.lineno})"
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return said + (f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})" if trace else "")


def choose_store(url: str | None) -> None:
    """Let `--store` decide, for this process and those that it starts."""
    if url is not None:
        os.environ["TREADLE_STORE"] = url


def store_source(flag: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Say what decided about the store."""
    return "--store" if flag else next((name for name in SOURCES if environ.get(name)), "by default")


@contextmanager
def opened_store(url: str | None) -> "Iterator[Treadle]":
    """Open the store alone, without tasks, to look at its jobs. Raises NoStoreYet rather than make a new one."""
    from treadle import Treadle
    from treadle.config import database_path

    app = Treadle(url)
    path = database_path(app.store.url)
    if path is not None and not path.exists():
        raise NoStoreYet(
            f"There is no job database at {path} ({store_source(url)}). Name yours with --store or TREADLE_STORE;"
            " a worker or the first enqueued job makes it."
        )
    with closing(app):
        yield app


@contextmanager
def closing(app: "Treadle") -> "Iterator[Treadle]":
    """Close an application's store and resources at the end."""
    try:
        yield app
    finally:
        app.close()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a worker says when it starts."""

    app: "Treadle"
    source: str
    queues: tuple[str, ...] | None

    def lines(self) -> list[str]:
        """Open the store, ask who answers there, and tell all. Raises StoreError."""
        self.app.wait(self.app.store.open())
        facts = self.app.wait(self.app.store.facts())
        return [
            f"store    {self.app.store.url} ({self.source})",
            f"         {facts.server}",
            f"         an answered call survives {facts.survives}",
            f"queues   {', '.join(self.queues or self.app.queues)}",
            f"packs    {', '.join(pack.name for pack in self.app.packs) or 'none'}",
            f"tasks    {len(self.app.tasks)}",
        ]

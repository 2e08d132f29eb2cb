"""A move as the command line does it: two stores opened, bars while it goes, a signal that ends it."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator

from treadle.cli import show
from treadle.cli.bars import display
from treadle.cli.exits import NoStoreYet
from treadle.cli.moved import Ends, Looked, Moved, bars
from treadle.config import database_path, settings_from
from treadle.core.errors import ConfigError, StoreError, StoreUnavailable
from treadle.core.job import Schema
from treadle.core.store import Store
from treadle.moving import Mover, survey
from treadle.stores import open_store


async def move(source: str, target: str, live: bool) -> Moved:
    """Move jobs until it is done or the first signal. Raises MoveRefused, ConfigError, StoreError."""
    refuse_itself(source, target)
    migrates = settings_from(store=source).auto_migrate
    async with (
        closing(open_store(source, migrate=migrates)) as here,
        closing(open_store(target, migrate=migrates)) as there,
    ):
        await refuse_missing(here)
        await open_with_tables(here)
        await open_with_tables(there)
        with display(sys.stderr) as screen:
            mover = Mover(here, there, live=live, tell=lambda tally: screen.show(bars(tally)))
            with stopping(mover.stop):
                tally = await mover.run()
        return Moved(Ends(here.url, there.url), tally)


async def look_around(source: str, target: str) -> Looked:
    """Find out what a move would do, without changing anything. Raises ConfigError, StoreError."""
    refuse_itself(source, target)
    async with closing(open_store(source, migrate=False)) as here, closing(open_store(target, migrate=False)) as there:
        await refuse_missing(here)
        is_there = (await there.schema()).found > 0
        found = await survey(here, there if is_there else None)
        return Looked(Ends(here.url, there.url, is_there), found)


def refuse_itself(source: str, target: str) -> None:
    """Raise ConfigError where both URLs are plainly the same; a mover finds out about the others."""
    places = [path.resolve() if (path := database_path(url)) else url for url in (source, target)]
    if places[0] == places[1]:
        raise ConfigError("SRC and DST are the same store; name another one.")


async def refuse_missing(source: Store) -> None:
    """Raise NoStoreYet rather than make a store to move from."""
    path = database_path(source.url)
    if path is not None and not path.exists():
        raise NoStoreYet(f"There is no job database at {path} (SRC).")
    if not (await source.schema()).found:
        raise NoStoreYet(f"There are no tables of Treadle's at {source.url} (SRC), and so no jobs to move.")


async def open_with_tables(store: Store) -> None:
    """Open a store; where its tables are missing, say how they are made."""
    try:
        await store.open()
    except StoreUnavailable:
        raise
    except StoreError as error:
        path = database_path(store.url)
        if (path is None or path.exists()) and is_behind(schema := await store.schema()):
            raise StoreError(
                f"{store.url} has {of_schema(schema)}. Run: treadle db migrate --store {store.url}"
                " (or set TREADLE_AUTO_MIGRATE=1)"
            ) from error
        raise


def is_behind(schema: Schema) -> bool:
    return schema.found < schema.known


def of_schema(schema: Schema) -> str:
    """Say how far tables are that are not up to date."""
    return f"the schema {schema.found} of {schema.known}" if schema.found else "no tables of Treadle's yet"


@contextlib.asynccontextmanager
async def closing(store: Store) -> AsyncIterator[Store]:
    """Close a store at the end."""
    try:
        yield store
    finally:
        await store.close()


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first Ctrl-C or SIGTERM; the second ends the process, which costs nothing but a repetition."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def tell_and_stop() -> None:
        show.note("Stopping after the jobs that are under way; a second signal ends this now.")
        stop()

    def heard(number: int, frame: object) -> None:
        restore()
        loop.call_soon_threadsafe(tell_and_stop)

    for number in before:
        signal.signal(number, heard)
    try:
        yield
    finally:
        restore()

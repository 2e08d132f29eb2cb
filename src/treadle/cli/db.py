"""`treadle db`: the tables, or keys, in which a store keeps its jobs."""

from typing import TYPE_CHECKING, Any

import click

from treadle.cli import show
from treadle.cli.exits import Exit
from treadle.cli.options import json_option, store_option

if TYPE_CHECKING:
    from treadle.core.job import Schema, StoreFacts


@click.group(invoke_without_command=True)
@click.pass_context
def db(context: click.Context) -> None:
    """Make, update and look at a store's tables."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@db.command("migrate")
@store_option
@json_option
def migrate_command(store: str | None, as_json: bool) -> None:
    """Make the tables, or bring them up to date; run again, it changes nothing.

    With a Redis store and TREADLE_DATABASE_URL the outbox in that database is made too. Any number may migrate at
    once, and workers of this version may go on meanwhile.
    """
    from treadle import Treadle
    from treadle.cli.application import closing
    from treadle.run import outbox_of

    with closing(Treadle(store)) as app:
        found, known = app.wait(app.store.migrate())
        outbox = outbox_of(app)
        made = app.wait(outbox.migrate()) if outbox else None
        url = app.store.url
    if as_json:
        told = {} if made is None else {"outbox": "made" if made else "there"}
        show.document({"store": url, "from": found, "to": known, "changed": found != known, **told})
        return
    done = f"schema {found} -> {known}" if found != known else f"up to date (schema {known})"
    click.echo(show.plain(f"{url}: {done}"))
    if made is not None:
        click.echo(f"outbox in the application's database: {'made' if made else 'up to date'}")


@db.command("status")
@store_option
@json_option
def status_command(store: str | None, as_json: bool) -> int:
    """Say what server answers, how far its tables are, and what an answered call survives; change nothing.

    The exit code is 0 if the tables are up to date, else 1.
    """
    from treadle.cli.application import opened_store

    with opened_store(store) as app:
        facts, schema = app.wait(app.store.facts()), app.wait(app.store.schema())
        url = app.store.url
    if as_json:
        show.document(as_document(url, schema, facts))
    else:
        show.facts([
            ("store", url), ("server", facts.server), ("schema", state_of(schema)), ("survives", facts.survives),
            *(("note", note) for note in facts.notes),
        ])  # fmt: skip
    return Exit.OK if schema.current else Exit.FAILED


def state_of(schema: "Schema") -> str:
    """Say how far tables are, and what is to be done about it. Pure."""
    found, known = schema
    if schema.current:
        return f"{found}, up to date"
    if found > known:
        return f"{found}, of a newer Treadle; this one knows {known}. Upgrade it: pip install -U treadle"
    return f"{f'{found} of {known}' if found else 'none yet'}. Run: treadle db migrate"


def as_document(url: str, schema: "Schema", facts: "StoreFacts") -> dict[str, Any]:
    """Make the JSON shape of what is known of a store. Pure."""
    found, known = schema
    return {
        "store": url,
        "server": facts.server,
        "schema": {"found": found, "known": known, "current": schema.current},
        "survives": facts.survives,
        "notes": list(facts.notes),
    }

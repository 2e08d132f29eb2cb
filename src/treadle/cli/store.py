"""`treadle store`: taking the jobs of one store to another."""

import click

from treadle.cli.options import json_option


@click.group(invoke_without_command=True)
@click.pass_context
def store(context: click.Context) -> None:
    """Take the jobs of one store to another."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@store.command("move")
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option("--live", is_flag=True, help="Move while workers of SRC go on; end when nothing waits or runs there.")
@click.option("--dry-run", is_flag=True, help="Say what is where; change nothing.")
@json_option
def move_command(source: str, target: str, live: bool, dry_run: bool, as_json: bool) -> int:
    """Move the jobs of the store SRC into the store DST, both given as URLs.

    What waits is moved, what has ended is copied with its history. Nothing is lost and nothing runs twice: stopped or
    killed at any moment, the same command goes on where it was.
    """
    import asyncio

    from treadle.cli.exits import Conflict
    from treadle.cli.moved import tell_end, tell_survey
    from treadle.cli.moving import look_around, move
    from treadle.moving import MoveRefused

    try:
        if dry_run:
            return tell_survey(asyncio.run(look_around(source, target)), live, as_json)
        return tell_end(asyncio.run(move(source, target, live)), as_json)
    except MoveRefused as error:
        raise Conflict(str(error)) from error

"""`treadle queue`, `task`, `tenant`, `key` and `limit`: pausing, limiting and weighing what runs, live."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from treadle.cli import show
from treadle.cli.options import json_option, store_option

if TYPE_CHECKING:
    from treadle import Treadle
    from treadle.core.flow.steering import Steer

PAUSABLE = ("queue", "task", "tenant", "key", "limit")

#: How a name of each kind is written in the usage.
WRITTEN = {"queue": "QUEUE", "task": "TASK", "tenant": "TENANT", "key": "FIELD=VALUE", "limit": "LIMIT"}

#: What `scale` and `limit set` take beside a number.
NO_LIMIT = "none"

ABOUT = {
    "queue": "Look at queues; pause, drain and scale them.",
    "task": "Pause, drain and scale the jobs of a task.",
    "tenant": "Pause, drain, scale and weigh a tenant's jobs.",
    "key": "Pause and drain the jobs of a limit's key.",
    "limit": "Look at limits, rates and budgets; set them.",
}


def _group(kind: str) -> click.Group:
    more = "It takes effect at once, in the whole fleet, and lasts until it is changed."

    @click.group(kind, help=f"{ABOUT[kind]}\n\n{more}", invoke_without_command=True)
    @click.pass_context
    def group(context: click.Context) -> None:
        if context.invoked_subcommand is None:
            click.echo(context.get_help())

    return group


queue, task, tenant, key, limit = (_group(kind) for kind in PAUSABLE)
GROUPS = {"queue": queue, "task": task, "tenant": tenant, "key": key, "limit": limit}


def _add_pauses(kind: str, group: click.Group) -> None:
    name = click.argument("name", metavar=WRITTEN[kind])

    @group.command("pause", help=f"Let nothing of a {kind} start any more; what runs goes on.")
    @name
    @store_option
    @json_option
    def pause_command(name: str, store: str | None, as_json: bool) -> None:
        from treadle import steering

        _steer(kind, name, store, as_json, lambda app, target: steering.pause(app.store, target))

    @group.command("resume", help=f"Let a paused {kind} go on; its limit stays.")
    @name
    @store_option
    @json_option
    def resume_command(name: str, store: str | None, as_json: bool) -> None:
        from treadle import steering

        _steer(kind, name, store, as_json, lambda app, target: steering.resume(app.store, target))


def _add_drain(kind: str, group: click.Group) -> None:
    @group.command("drain", help=f"Pause a {kind} and wait until nothing of it runs. Ctrl-C leaves it paused.")
    @click.argument("name", metavar=WRITTEN[kind])
    @store_option
    @json_option
    def drain_command(name: str, store: str | None, as_json: bool) -> None:
        _drain(kind, name, store, as_json)


def _add_scale(kind: str, group: click.Group) -> None:
    @group.command("scale", help=f"Let at most N jobs of a {kind} run at once in the whole fleet; `none`: no limit.")
    @click.argument("name", metavar=WRITTEN[kind])
    @click.argument("most", metavar="N|none")
    @store_option
    @json_option
    def scale_command(name: str, most: str, store: str | None, as_json: bool) -> None:
        from treadle import steering

        number = _number(most, or_none=True)
        _steer(kind, name, store, as_json, lambda app, target: steering.scale(app.store, target, number))


def _add_list(kind: str, group: click.Group) -> None:
    @group.command("list", help=f"List the {kind}s that are steered{' or known' if kind == 'task' else ''}.")
    @store_option
    @json_option
    def list_command(store: str | None, as_json: bool) -> None:
        from treadle.cli.application import opened_store
        from treadle.ops.steering import list_targets

        with opened_store(store) as app:
            views = app.wait(list_targets(app.store, kind))
        if as_json:
            rows = [
                {"name": each.name, **_wishes(each.steer), "queued": each.queued, "running": each.running}
                for each in views
            ]
            show.document({f"{kind}s": rows})
            return
        cells = [
            [each.name, *_cells(each.steer), str(each.steer.weight), _count(each.queued), _count(each.running)]
            for each in views
        ]
        _table((kind, "paused", "limit", "weight", "queued", "running"), cells, f"No {kind} is steered.")


for _kind in PAUSABLE:
    _add_pauses(_kind, GROUPS[_kind])
for _kind in ("queue", "task", "tenant", "key"):
    _add_drain(_kind, GROUPS[_kind])
for _kind in ("queue", "task", "tenant"):
    _add_scale(_kind, GROUPS[_kind])
for _kind in ("task", "tenant", "key"):
    _add_list(_kind, GROUPS[_kind])


@queue.command("list")
@store_option
@json_option
def list_queues_command(store: str | None, as_json: bool) -> None:
    """List the queues with their jobs and workers."""
    from treadle.cli.application import opened_store
    from treadle.ops.steering import list_queues

    with opened_store(store) as app:
        views = app.wait(list_queues(app.store))
    if as_json:
        rows = [
            {"name": each.name, **_wishes(each.steer), "workers": each.workers,
             "jobs": {str(state): number for state, number in each.jobs.items()}}
            for each in views
        ]  # fmt: skip
        show.document({"queues": rows})
        return
    states = ("queued", "running", "scheduled", "held", "failed")
    cells = [
        [each.name, *_cells(each.steer), *(_count(each.jobs[state]) for state in states), _count(each.workers)]  # type: ignore[index]  # a State is its word
        for each in views
    ]
    _table(("queue", "paused", "limit", *states, "workers"), cells, "No queues.")


@queue.command("explain")
@click.argument("name", metavar="QUEUE")
@store_option
@json_option
def explain_queue_command(name: str, store: str | None, as_json: bool) -> None:
    """Tell what holds up the jobs of a queue."""
    from treadle.cli import explained
    from treadle.cli.application import opened_store
    from treadle.explanation import explain_queue
    from treadle.steering import target_of

    target_of(queue=name)
    with opened_store(store) as app:
        _hint(app, "queue", name)
        found = app.wait(explain_queue(app.store, name))
    if as_json:
        show.document(explained.queue_document(found))
        return
    explained.show_queue(found)


@tenant.command("weight")
@click.argument("name", metavar="TENANT")
@click.argument("weight", metavar="N")
@store_option
@json_option
def weight_command(name: str, weight: str, store: str | None, as_json: bool) -> None:
    """Give a tenant N turns for one of another's."""
    from treadle import steering

    number = _number(weight) or 0
    _steer("tenant", name, store, as_json, lambda app, target: steering.weigh(app.store, target, number))


@limit.command("list")
@store_option
@json_option
def list_limits_command(store: str | None, as_json: bool) -> None:
    """List the limits that workers have declared, and what was set instead."""
    from treadle.cli.application import opened_store
    from treadle.ops.steering import list_limits

    with opened_store(store) as app:
        views = app.wait(list_limits(app.store))
    if as_json:
        show.document({"limits": [{"name": each.name, **_wishes(each.steer), "declared": _declared(each.steer)}
                                  for each in views]})  # fmt: skip
        return
    cells = [[each.name, _declared_text(each.steer), *reversed(_cells(each.steer))] for each in views]
    _table(("limit", "declared", "set", "paused"), cells, "No limit is known: workers tell theirs when they start.")


@limit.command("set")
@click.argument("name", metavar="LIMIT")
@click.argument("number", metavar="N")
@store_option
@json_option
def set_limit_command(name: str, number: str, store: str | None, as_json: bool) -> None:
    """Put another number in the place of a limit's own.

    LIMIT is a name that `treadle limit list` or `treadle job explain` shows; with its key behind it, it is that key's.
    """
    from treadle import steering

    most = _number(number)
    _steer("limit", name, store, as_json, lambda app, target: steering.scale(app.store, target, most))


@limit.command("reset")
@click.argument("name", metavar="LIMIT")
@store_option
@json_option
def reset_limit_command(name: str, store: str | None, as_json: bool) -> None:
    """Give a limit back the number that it was declared with."""
    from treadle import steering

    _steer("limit", name, store, as_json, lambda app, target: steering.scale(app.store, target, None))


# -- doing -----------------------------------------------------------------------------


def _steer(kind: str, name: str, store: str | None, as_json: bool, act: "Callable[[Treadle, str], Any]") -> None:
    from treadle.cli.application import opened_store
    from treadle.ops.steering import running_of
    from treadle.steering import target_of

    target = target_of(**{kind: name})
    with opened_store(store) as app:
        _hint(app, kind, name)
        said = app.wait(act(app, target))
        running = app.wait(running_of(app.store, target))
    if as_json:
        show.document({"target": target, **_wishes(said), "running": running})
        return
    click.echo(show.plain(f"{kind} {name}  {state_of(said, running)}"))


def state_of(said: "Steer", running: int) -> str:
    """Say how a target is steered, in one line. Pure."""
    parts = ["paused" if said.paused else "not paused"]
    parts += [f"limit {said.limit:,}"] if said.limit is not None else []
    parts += [f"weight {said.weight}"] if said.weight != 1 else []
    return ", ".join(parts) + f"; {running:,} running"


def _drain(kind: str, name: str, store: str | None, as_json: bool) -> None:
    from treadle.cli.application import opened_store
    from treadle.cli.bars import Bar, display
    from treadle.ops.steering import drain
    from treadle.steering import target_of

    target = target_of(**{kind: name})
    most = 0

    def tell(left: int) -> None:
        nonlocal most
        most = max(most, left)
        screen.show([Bar(f"{kind} {name}", most - left, most, 0, f"{left:,} running" if left else "drained")])

    with opened_store(store) as app:
        _hint(app, kind, name)
        try:
            with display(sys.stderr) as screen:
                app.wait(drain(app.store, target, tell))
        except KeyboardInterrupt:
            show.note(show.plain(f"The {kind} {name} stays paused: treadle {kind} resume {name}"))
            raise
    if as_json:
        show.document({"target": target, "paused": True, "running": 0})
        return
    click.echo(show.plain(f"{kind} {name}  paused; nothing of it runs"))


def _hint(app: "Treadle", kind: str, name: str) -> None:
    """Say it where a name looks like one that is known and is not."""
    from treadle.ops.steering import known_names
    from treadle.steering import resembling

    known = app.wait(known_names(app.store, kind))
    if kind == "limit" and any(name.startswith(f"{each}:") for each in known):
        return  # with its key behind it
    if near := resembling(name, known):
        show.note(show.plain(f"No {kind} is known here by the name {name!r}; there is one called {near!r}."))


def _number(text: str, *, or_none: bool = False) -> int | None:
    if or_none and text == NO_LIMIT:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise click.UsageError(f"{text!r} is not a whole number{f' or {NO_LIMIT!r}' if or_none else ''}")
    return int(text)


def _wishes(said: "Steer") -> dict[str, Any]:
    return {"paused": said.paused, "limit": said.limit, "weight": said.weight}


def _cells(said: "Steer") -> list[str]:
    return ["paused" if said.paused else "", "" if said.limit is None else f"{said.limit:,}"]


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _declared(said: "Steer") -> dict[str, int] | None:
    return None if said.declared is None else dict(zip(("limit", "period", "burst"), said.declared, strict=True))


def _declared_text(said: "Steer") -> str:
    if said.declared is None:
        return ""
    number, period, burst = said.declared
    if not period:
        return f"{number:,} at once"
    return f"{number:,} in {show.length(period)}" + (f", burst {burst:,}" if burst else "")


def _table(columns: tuple[str, ...], cells: list[list[str]], nothing: str) -> None:
    numbers = frozenset(columns) - {columns[0], "paused", "declared"}
    show.table(columns, cells, numbers) if cells else show.note(nothing)

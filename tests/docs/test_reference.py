"""Nothing exists that the pages do not describe."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import click
import pytest

from treadle.cli.root import treadle
from treadle.config import Settings
from treadle.core.events import Event

DOCS = Path(__file__).parents[2] / "docs"


def commands(group: click.Command, path: tuple[str, ...] = ("treadle",)) -> list[str]:
    """Name every command below this one, as a user types it."""
    if not isinstance(group, click.Group):
        return [" ".join(path)]
    context = click.Context(group)
    found = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [line for name, command in found if command for line in commands(command, (*path, name))]


@pytest.mark.parametrize("name", [each.name for each in fields(Settings)])
def test_every_setting_has_its_row(name: str) -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page
    assert f"`TREADLE_{name.upper()}`" in page


@pytest.mark.parametrize("event", [each.__name__ for each in get_args(Event)])
def test_every_event_has_its_row(event: str) -> None:
    assert f"`{event}`" in (DOCS / "events.md").read_text(encoding="utf-8")


def test_every_command_is_described() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert [line for line in commands(treadle) if line not in page] == []

"""Help is cheap and complete."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest

from tests.cli.acting import Answer
from treadle import __version__
from treadle.cli.root import treadle

HEAVY = ("sqlalchemy", "alembic", "rich", "jinja2", "selectolax", "msgspec", "sqlite3", "asyncio", "pydantic")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["job", "list", "--help"],
        ["mail", "import", "--help"],
        ["job", "retry", "--help"],
        ["queue", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom treadle.cli.root import run\n"
        f"assert run({arguments!r}) == 0\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("path", "command"), list(commands(treadle)), ids=lambda value: str(value))
def test_every_command_explains_itself(
    path: tuple[str, ...], command: click.Command, cli: Callable[..., Answer]
) -> None:
    answer = cli(*path, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert command.help
    silent = [one.name for one in command.params if isinstance(one, click.Option) and not one.hidden and not one.help]
    assert silent == []


@pytest.mark.parametrize("path", [(), ("job",), ("worker",), ("mail",), ("store",), ("db",), ("queue",), ("limit",)])
def test_a_group_alone_shows_its_help(path: tuple[str, ...], cli: Callable[..., Answer]) -> None:
    answer = cli(*path)
    assert answer.code == 0
    assert answer.out.startswith("Usage: treadle")


def test_the_version_is_the_package_s(cli: Callable[..., Answer]) -> None:
    assert cli("--version").out == f"treadle {__version__}\n"

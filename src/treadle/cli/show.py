"""How things look in a terminal: tables by Rich where there is one, plain aligned text otherwise.

What is shown may come out of an e-mail: nothing in it may steer the terminal.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

#: Control characters, marks that turn the direction of writing, and halves of characters.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """Make text harmless to a terminal: whatever could steer it is shown as a mark; line ends and tabs as spaces."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"[\r\n\t]+", " ", text))


def lines(text: str) -> list[str]:
    """Split text into lines that are harmless to a terminal."""
    return [STEERING.sub("\N{REPLACEMENT CHARACTER}", line.replace("\t", "    ")) for line in text.splitlines()]


def on_terminal() -> bool:
    """Tell whether a person looks at stdout."""
    return sys.stdout.isatty()


def is_narrow() -> bool:
    """Tell whether a person looks through a window that is too narrow for whole ids."""
    return on_terminal() and shutil.get_terminal_size().columns < 120


def document(value: object) -> None:
    """Print one JSON document on one line."""
    click.echo(json.dumps(value))


def note(text: str) -> None:
    """Tell a person something beside the answer: on stderr."""
    click.echo(text, err=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str] = frozenset()) -> None:
    """Print rows under headings; the columns named in `right` are numbers."""
    if on_terminal() and _rich_table(columns, rows, right):
        return
    for line in aligned(columns, rows, right):
        click.echo(line)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str]) -> list[str]:
    """Align rows with spaces; nothing is cut off."""
    cells = [[each.upper() for each in columns], *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    sides = ["rjust" if name in right else "ljust" for name in columns]
    return [
        "  ".join(getattr(cell, side)(width) for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in cells
    ]


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names with their values, one a line; an empty value is left out."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        if value:
            click.echo(f"{name.ljust(width)}  {plain(value)}")


def instant(at: int | None) -> str:
    """Write a point in time in the reader's zone; nothing for none."""
    return "" if at is None else datetime.fromtimestamp(at / 1000).astimezone().isoformat(" ", "seconds")


def length(milliseconds: int) -> str:
    """Write a length of time short enough for a column."""
    seconds = milliseconds / 1000
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def pairs_of(fields: Mapping[str, object]) -> str:
    """Write fields as `name=value`, in order."""
    return " ".join(f"{name}={value}" for name, value in fields.items())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str]) -> bool:
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(made)
    return True


def command() -> str:
    """Name this command as the reader can type it here: by its path where it is not on PATH."""
    import os
    import shutil
    import sys

    if shutil.which("treadle"):
        return "treadle"
    beside = os.path.join(os.path.dirname(sys.executable), "treadle")
    return os.path.relpath(beside) if os.path.exists(beside) else f"{os.path.relpath(sys.executable)} -m treadle"

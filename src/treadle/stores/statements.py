"""SQL that is written in SQL: one statement a file, read once, its names turned into numbered parameters.

Numbered parameters let a named tuple be handed to `executemany` as it is, without a dict per row.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from treadle.stores.steps import Step

_NAME = re.compile(r"(?<!:):([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")


@cache
def text(package: str, name: str) -> str:
    """Read `sql/<name>.sql` of a store's package, without its comments."""
    return _COMMENT.sub("", files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


def numbered(statement: str, names: Sequence[str], mark: str = "?") -> str:
    """Replace `:name` by the number of that name; raises KeyError for a name that is not given."""
    places = {name: f"{mark}{number}" for number, name in enumerate(names, 1)}
    return _NAME.sub(lambda match: places[match[1]], statement)


class Query:
    """A statement in PostgreSQL's style; called with its names it gives the step to take."""

    def __init__(self, statement: str) -> None:
        self.names = tuple(dict.fromkeys(_NAME.findall(statement)))
        self.text = numbered(statement, self.names, "$")

    def __call__(self, **values: Any) -> Step:
        """Give the step with these values; raises KeyError where one is missing."""
        return Step(self.text, [values[name] for name in self.names])


#: Rows that one statement carries: a database opens its indexes once a statement, so that more rows cost less each.
SIZES = (100, 10, 1)


class Bulk:
    """A statement with `(VALUES {rows})` in it, for any number of rows."""

    def __init__(self, statement: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._sized = {size: statement.replace("{rows}", ", ".join([row] * size)) for size in SIZES}

    def pieces(self, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[str, list[Any]]]:
        """Yield statements with their parameters that together carry all rows, in order."""
        start = 0
        for size, statement in self._sized.items():
            while len(rows) - start >= size:
                yield statement, list(chain.from_iterable(rows[start : start + size]))
                start += size

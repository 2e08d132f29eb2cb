"""How far something is, shown while it goes: bars that move on a terminal, lines elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

from treadle.cli.show import plain

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that is under way."""

    name: str
    done: int
    total: int | None
    """None: nobody knows how much there is."""
    failed: int = 0
    note: str = ""
    share: bool = False
    """Counted in something that says nothing to people (bytes): show only the share."""

    @property
    def amount(self) -> str:
        if self.share and self.total:
            return f"{100 * self.done // self.total} %"
        return f"{self.done:,}" + (f"/{self.total:,}" if self.total is not None else "") if not self.share else ""

    @property
    def whole(self) -> bool:
        return self.total is not None and self.done >= self.total

    @property
    def text(self) -> str:
        failed = f"{self.failed} failed" if self.failed else ""
        return plain(f"{self.name}: " + ", ".join(filter(None, [self.amount, failed, self.note])))


#: A bar that has not moved and says nothing is not worth a line.
UNTOLD = (0, "")


class Screen(Protocol):
    """Where bars are shown."""

    def show(self, bars: Sequence[Bar]) -> None:
        """Show these as they are now; a bar is known by its place."""
        ...


class Lines:
    """Writes a line when a bar has come a tenth further, when its note changed, and when it is whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told: dict[int, tuple[int, str]] = {}

    def show(self, bars: Sequence[Bar]) -> None:
        for place, bar in enumerate(bars):
            step = worth_telling(bar)
            if step != self._told.get(place, UNTOLD):
                self._told[place] = step
                self._stream.write(bar.text + "\n")
                self._stream.flush()


class Moving:
    """Draws bars that move, by Rich."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: list[TaskID] = []

    def show(self, bars: Sequence[Bar]) -> None:
        for place, bar in enumerate(bars):
            if place == len(self._tasks):
                self._tasks.append(self._progress.add_task(plain(bar.name), total=None, amount="", note=""))
            failed = f"{bar.failed} failed " if bar.failed else ""
            self._progress.update(
                self._tasks[place],
                completed=bar.done,
                total=bar.total,
                amount=bar.amount,
                note=plain(failed + bar.note),
            )


class Silent:
    """Shows nothing."""

    def show(self, bars: Sequence[Bar]) -> None:
        return


def worth_telling(bar: Bar) -> tuple[int, str]:
    """Sum up a bar so coarsely that a change is worth a line. Pure."""
    tenths = 10 * bar.done // bar.total if bar.total else 0
    return tenths + bar.whole, bar.note


@contextmanager
def display(stream: TextIO, quiet: bool = False) -> Iterator[Screen]:
    """Show bars on a stream for as long as the block lasts."""
    if quiet:
        yield Silent()
        return
    progress = _rich(stream) if stream.isatty() else None
    if progress is None:
        yield Lines(stream)
        return
    with progress:
        yield Moving(progress)


def _rich(stream: TextIO) -> "Progress | None":
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column
    except ImportError:
        return None
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[amount]}", markup=False, justify="right", table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
        TextColumn(
            "{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
        ),
        console=Console(file=stream),
        refresh_per_second=8,
    )

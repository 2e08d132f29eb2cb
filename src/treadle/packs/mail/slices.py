"""A mailbox's stream cut into slices, each hashed, looked up and compressed before anything is parsed or stored."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from treadle.packs.mail.rows import Raw, Rows, name_raw, raw_row
from treadle.packs.mail.runs import CAREFUL
from treadle.packs.mail.sources import Item, Refused

SLICE = 100
"""Messages in one transaction."""
SLICE_BYTES = 4 * 1024 * 1024

Piece = Sequence[Item | Refused]
Known = Callable[[Iterable[str]], set[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A slice of the stream, whether to parse it, and the trace to leave while it is being parsed."""

    piece: Piece
    parse: bool
    inflight: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that is ready: what of it is new, and the rows that keep the new bytes."""

    plan: Plan
    fresh: Sequence[Raw]
    rows: Rows


def slices(items: Iterator[Item | Refused], inflight: int, owner: str, known: Known) -> Iterator[Slice]:
    """Cut a stream into slices and make them ready; `known` says which hashes are stored already."""
    # Not in a thread of its own: measured, its quarrels over the GIL cost more than zlib beside the parser gained.
    return (_ready(plan, owner, known) for plan in careful(items, inflight))


def _ready(plan: Plan, owner: str, known: Known) -> Slice:
    raws = {raw.sha256: raw for raw in (name_raw(item) for item in plan.piece if isinstance(item, Item))}
    stored = known(raws)
    fresh = [raw for name, raw in raws.items() if name not in stored]
    return Slice(plan, fresh, [raw_row(owner, raw) for raw in fresh if raw.kept])


def careful(items: Iterator[Item | Refused], inflight: int) -> Iterator[Plan]:
    """Plan slices; where a worker died before, one message at a time, and its killer unparsed.

    `inflight` is the trace that the dead worker left: how many messages it had in hand, or CAREFUL if only one.
    """
    if inflight == CAREFUL:
        yield from (Plan(piece, False, CAREFUL) for piece in cut(islice(items, 1), 1))
    elif inflight:
        yield from (Plan(piece, True, CAREFUL) for piece in cut(islice(items, inflight), 1))
    for piece in cut(items, SLICE):
        yield Plan(piece, True, len(piece))


def cut(items: Iterable[Item | Refused], most: int) -> Iterator[Piece]:
    """Gather messages up to a number or 4 MiB, whichever comes first."""
    piece: list[Item | Refused] = []
    size = 0
    for item in items:
        piece.append(item)
        size += len(item.raw) if isinstance(item, Item) else 0
        if len(piece) >= most or size >= SLICE_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece

"""Which messages belong together, by Message-ID, References and In-Reply-To alone. Pure.

Two messages are in one thread when a chain of shared ids joins them, so the order of arrival cannot matter (JWZ's
"ghosts" are simply ids that no message has yet; jwz.org/doc/threading.html). Subjects never merge threads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from treadle.packs.mail.parse import Letter

Ids = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Threading:
    """What a slice of messages changes: their threads, the ids that now lead there, and threads that grew together."""

    threads: tuple[str, ...]
    """The thread of each message, in order."""
    fresh: frozenset[str]
    references: Mapping[str, str]
    """Ids that are new or lead to another thread now."""
    merges: Mapping[str, str]
    """Old thread to the older thread that it became part of."""


def linking_ids(letter: Letter) -> Ids:
    """Name the ids that tie a message to others, its own first; itself as its parent adds nothing.

    In-Reply-To counts only where References say nothing (RFC 5256, 2.2), and only when it holds one id: old programs
    write "Message from <ann@example.org> of …; <id>", and an address would tie all replies to Ann together.
    """
    parents = letter.references or (letter.in_reply_to if len(letter.in_reply_to) == 1 else ())
    return tuple(dict.fromkeys((letter.message_id, *parents) if letter.message_id else parents))


def assign(messages: Sequence[Ids], known: Mapping[str, str], fresh_id: Callable[[], str]) -> Threading:
    """Put each message in a thread. `known` maps ids to threads that exist; the smallest thread id is the oldest."""
    groups = _Groups()
    for number, ids in enumerate(messages):
        groups.join([("message", str(number)), *(("id", id) for id in ids)])
    for id, thread in known.items():
        groups.join([("id", id), ("thread", thread)])
    return _read(groups, messages, known, fresh_id)


Node = tuple[str, str]


class _Groups:
    """Sets that grow together (union-find with path halving)."""

    def __init__(self) -> None:
        self.parent: dict[Node, Node] = {}

    def root(self, node: Node) -> Node:
        parent = self.parent
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, nodes: Iterable[Node]) -> None:
        roots = [self.root(node) for node in nodes]
        for root in roots[1:]:
            self.parent[self.root(root)] = self.root(roots[0])


def _read(groups: _Groups, messages: Sequence[Ids], known: Mapping[str, str], fresh_id: Callable[[], str]) -> Threading:
    oldest: dict[Node, str] = {}
    for thread in sorted(set(known.values())):
        oldest.setdefault(groups.root(("thread", thread)), thread)
    fresh: set[str] = set()
    threads = []
    for number in range(len(messages)):
        root = groups.root(("message", str(number)))
        if root not in oldest:
            oldest[root] = fresh_id()
            fresh.add(oldest[root])
        threads.append(oldest[root])
    leads_to = {id: oldest[groups.root(("id", id))] for ids in messages for id in ids}
    merges = {thread: oldest[groups.root(("thread", thread))] for thread in set(known.values())}
    return Threading(
        threads=tuple(threads),
        fresh=frozenset(fresh),
        references={id: thread for id, thread in leads_to.items() if known.get(id) != thread},
        merges={old: new for old, new in merges.items() if old != new},
    )

"""Find phrases in a list of words in one pass, however many there are. What a phrase means is the caller's affair."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from treadle.packs.ai.local.words import fold

Value = TypeVar("Value")
_PREFIX = 3


@dataclass(frozen=True, slots=True)
class Hit(Generic[Value]):
    """A phrase was found at words[start:end]."""

    phrase: str
    value: Value
    start: int
    end: int


class Cues(Generic[Value]):
    """Phrases and what they stand for; the longest wins. `invoic*` is any word that begins so, `*` alone any word."""

    def __init__(self, table: Mapping[str, Value]) -> None:
        self._exact: dict[str, list[tuple[tuple[str, ...], str, Value]]] = {}
        self._open: dict[str, list[tuple[tuple[str, ...], str, Value]]] = {}
        for phrase, value in table.items():
            self._add(tuple(fold(phrase).split()), phrase, value)
        for entries in (*self._exact.values(), *self._open.values()):
            entries.sort(key=lambda entry: -len(entry[0]))

    def _add(self, pattern: tuple[str, ...], phrase: str, value: Value) -> None:
        first = pattern[0]
        if not first.endswith("*"):
            self._exact.setdefault(first, []).append((pattern, phrase, value))
        elif len(first) > _PREFIX:
            self._open.setdefault(first[:_PREFIX], []).append((pattern, phrase, value))
        else:
            raise ValueError(f"The phrase {phrase!r} must begin with at least {_PREFIX} letters.")

    def find(self, tokens: Sequence[str]) -> Iterator[Hit[Value]]:
        """Yield the phrases in their order; they never overlap."""
        at, end = 0, len(tokens)
        exact, open_ended = self._exact, self._open
        while at < end:
            word = tokens[at]
            entries = exact.get(word, ()), open_ended.get(word[:_PREFIX], ())
            hit = self._longest(entries, tokens, at) if entries[0] or entries[1] else None
            if hit is None:
                at += 1
            else:
                yield hit
                at = hit.end

    def _longest(
        self, groups: Sequence[Sequence[tuple[tuple[str, ...], str, Value]]], tokens: Sequence[str], at: int
    ) -> Hit[Value] | None:
        best: Hit[Value] | None = None
        for group in groups:
            for pattern, phrase, value in group:
                if best is not None and len(pattern) <= best.end - best.start:
                    break
                if _fits(pattern, tokens, at):
                    best = Hit(phrase, value, at, at + len(pattern))
                    break
        return best


def _fits(pattern: tuple[str, ...], tokens: Sequence[str], at: int) -> bool:
    if at + len(pattern) > len(tokens):
        return False
    return all(
        word == part or (part.endswith("*") and word.startswith(part[:-1]))
        for part, word in zip(pattern, tokens[at : at + len(pattern)], strict=True)
    )


def listed(table: Mapping[str, Value], separator: str = "|") -> dict[str, Value]:
    """Spread `{"a | b": 1}` to `{"a": 1, "b": 1}`, so that a table of phrases stays short to read."""
    return {" ".join(phrase.split()): value for phrases, value in table.items() for phrase in phrases.split(separator)}

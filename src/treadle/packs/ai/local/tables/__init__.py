"""Phrases, words and patterns as TOML, read once a process. What they mean is said in the files."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from treadle.packs.ai.local.cues import Cues, listed

Weighted = tuple[str, float]


@cache
def load(name: str) -> Mapping[str, Any]:
    """Read a table: section -> key -> value."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text("utf-8"))


@cache
def weighted(name: str) -> Cues[tuple[Weighted, ...]]:
    """Build the cues of a table whose keys are points; a phrase of several sections speaks for each."""
    owners: dict[str, list[Weighted]] = {}
    for section, rows in load(name).items():
        for points, phrases in rows.items():
            for phrase in listed({phrases: None}):
                owners.setdefault(phrase, []).append((section, float(points)))
    return Cues({phrase: tuple(values) for phrase, values in owners.items()})


@cache
def orders() -> Cues[str]:
    """Build the cues of phrases that speak to a program; the value is their language."""
    return Cues({phrase: lang for lang, told in load("orders")["orders"].items() for phrase in listed({told: None})})


@cache
def word_set(name: str) -> frozenset[str]:
    """Read one of the word lists."""
    return frozenset(load("words")["lists"][name].split())


@cache
def stop_words(lang: str) -> frozenset[str]:
    """Give the words of a language that carry no topic; of an unknown language those of all that we know."""
    known: Mapping[str, str] = load("words")["stop"]
    return frozenset((known.get(lang) or " ".join(known.values())).split())


@cache
def pattern(name: str) -> re.Pattern[str]:
    """Compile `before(?:any|any|…)after`; case never matters."""
    row = load("patterns")[name]
    return re.compile(f"{row.get('before', '')}(?:{'|'.join(row['any'])}){row.get('after', '')}", re.IGNORECASE)


@cache
def asks(lang: str) -> tuple[re.Pattern[str], ...]:
    """Compile the patterns of requests in one language, for folded sentences."""
    verbs = "|".join(sorted(word_set("verbs"), key=len, reverse=True))
    return tuple(re.compile(rule.replace("VERB", f"(?:{verbs})")) for rule in load("asks")[lang]["asks"])


@cache
def lead(lang: str) -> re.Pattern[str]:
    """Compile the polite opening of a request in one language."""
    return re.compile(load("asks")[lang]["lead"], re.IGNORECASE)

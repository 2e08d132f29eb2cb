"""Word lists of the crm pack, kept as data: the rules of the score, and domains that anybody can write from."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Rule:
    """Points for one thing that a message shows."""

    name: str
    points: int
    cue: re.Pattern[str]


@cache
def rules() -> tuple[Rule, ...]:
    """Read the rules that look at a message's words."""
    table = tomllib.loads(_read("rules.toml"))
    return tuple(Rule(name, rule["points"], _any_of(rule["cues"])) for name, rule in table.items())


@cache
def free_mail() -> frozenset[str]:
    """Read the domains that say nothing about an employer."""
    lines = _read("free_mail.txt").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _any_of(cues: list[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(cues)})", re.IGNORECASE)


def _read(name: str) -> str:
    return (files(__name__) / name).read_text("utf-8")

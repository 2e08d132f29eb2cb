"""How warm a lead is: additive rules whose points halve every fourteen days. Pure, no model: same input, same score."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from treadle.packs.crm.contacts import Letter
from treadle.packs.crm.tables import rules

HALF_LIFE = 14 * 24 * 3600 * 1000
LEAD_FROM = 25
"""Undecayed points that make a lead: somebody wrote, and wants something that we sell."""

_CAP = 20_000


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is what it is: a rule, its undecayed points, and when it last applied (ms)."""

    rule: str
    points: int
    at: int


@dataclass(frozen=True, slots=True)
class Score:
    """0 … 100, and the reasons, strongest first."""

    value: int
    reasons: tuple[Reason, ...]


@cache
def points() -> Mapping[str, int]:
    """What each rule is worth: those of the table, and those of a whole correspondence."""
    whole = {"wrote_first": 5, "works_at_a_company": 5, "left_a_phone_number": 5, "waits_for_an_answer": 10}
    return {rule.name: rule.points for rule in rules()} | whole


def signals(letter: Letter) -> tuple[str, ...]:
    """Name the rules that one message meets."""
    text = f"{letter.subject}\n{letter.text}"[:_CAP]
    return tuple(rule.name for rule in rules() if rule.cue.search(text))


def raw_points(seen: Mapping[str, int]) -> int:
    """Add points without any decay."""
    return sum(points().get(rule, 0) for rule in seen)


def score(seen: Mapping[str, int], at: int) -> Score:
    """Score rules by when each last applied, as of the instant `at` (ms); rules of the future count in full."""
    reasons = [Reason(rule, points()[rule], when) for rule, when in seen.items() if rule in points()]
    value = sum(reason.points * 0.5 ** (max(0, at - reason.at) / HALF_LIFE) for reason in reasons)
    reasons.sort(key=lambda reason: (-abs(reason.points), reason.rule))
    return Score(max(0, min(100, round(value))), tuple(reasons))

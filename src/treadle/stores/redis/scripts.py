"""Verbs that are written in Lua: one a file, with the parts that its first line names, and theirs, put in front."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

FOLDER = files("treadle.stores.redis").joinpath("lua")

#: What the first line of a verb or a part begins with if it needs more than the prelude.
WITH = "-- with: "


class Script(NamedTuple):
    """A verb as the server knows it."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Read `lua/<name>.lua`."""
    text = with_parts(FOLDER.joinpath(f"{name}.lua").read_text(encoding="utf-8"))
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def with_parts(verb: str) -> str:
    """Put in front of a verb's text all that it needs."""
    parts = dict.fromkeys(part for needed in _needed(verb) for part in _in_order(needed))
    return "\n".join([*map(_part, ["prelude", *parts]), verb])


def _in_order(part: str) -> list[str]:
    """Name a part behind those that it needs itself."""
    return [*(each for needed in _needed(_part(part)) for each in _in_order(needed)), part]


def _needed(text: str) -> list[str]:
    first = text.partition("\n")[0]
    return first.removeprefix(WITH).split(", ") if first.startswith(WITH) else []


@cache
def _part(name: str) -> str:
    return FOLDER.joinpath("parts", f"{name}.lua").read_text(encoding="utf-8")

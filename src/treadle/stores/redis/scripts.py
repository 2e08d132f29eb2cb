"""Verbs that are written in Lua: one a file, with the parts that its first line names put in front of it."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

FOLDER = files("treadle.stores.redis").joinpath("lua")

#: What a verb's first line begins with if it needs more than the prelude.
WITH = "-- with: "


class Script(NamedTuple):
    """A verb as the server knows it."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Read `lua/<name>.lua`."""
    verb = FOLDER.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    first = verb.partition("\n")[0]
    needed = first.removeprefix(WITH).split(", ") if first.startswith(WITH) else []
    text = "\n".join([*map(_part, ["prelude", *needed]), verb])
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@cache
def _part(name: str) -> str:
    return FOLDER.joinpath("parts", f"{name}.lua").read_text(encoding="utf-8")

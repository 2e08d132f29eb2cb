"""The raw loop: what each store does without a framework, equally durable; the shared yardstick where there is one."""

import asyncio
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import raw_postgres, raw_redis, raw_sqlite
from bench.application import ARGUMENTS
from bench.places import Place
from bench.rounds import Rate

#: What the yardstick calls our durability, or the faster of its layouts.
VARIANTS = {"sqlite": "FULL", "postgres": "on", "redis": "lean"}

OURS: dict[str, Any] = {"sqlite": raw_sqlite, "postgres": raw_postgres, "redis": raw_redis}

TEXT = json.dumps(ARGUMENTS, separators=(",", ":"))


def yardstick() -> ModuleType | None:
    """Load the shared yardstick, if its folder and libraries are here."""
    default = Path(__file__).parents[2] / "shared" / "yardstick"
    folder = Path(os.environ.get("TREADLE_YARDSTICK", default))
    if not (folder / "limit.py").is_file() or importlib.util.find_spec("uvloop") is None:
        return None
    sys.path.insert(0, str(folder))
    return importlib.import_module("limit")


def raw_rates(here: Place, jobs: int, batch: int) -> dict[str, Callable[[], Rate]]:
    """The cases of the raw loop on one store: "raw add" and "raw cycle"."""
    shared, kind = yardstick(), here.kind
    if shared is not None:

        def rated(rate: Any) -> Rate:
            return Rate(float(rate), rate.client_us)

        return {
            "raw add": lambda: rated(shared.enqueue(kind, VARIANTS[kind], jobs, batch)),
            "raw cycle": lambda: rated(shared.raw(kind, VARIANTS[kind], jobs, batch)),
        }
    return {
        "raw add": lambda: asyncio.run(OURS[kind].add(here.fresh("raw"), jobs, batch, TEXT)),
        "raw cycle": lambda: asyncio.run(OURS[kind].cycle(here.fresh("raw"), jobs, batch, TEXT)),
    }

"""`python3 dev.py bench [NAME[:STORE] …]`: run all, or some, and print one line a figure with its goal."""

import sys
from collections.abc import Callable, Iterator

from bench import flow, footprint, growth, latency, mail_import, throughput
from bench.places import KINDS

#: Of each store.
PER_STORE: dict[str, Callable[[str], dict[str, float]]] = {
    "throughput": throughput.throughput,
    "processes": throughput.processes,
    "latency": lambda kind: latency.latency_here(kind) | latency.latency_elsewhere(kind),
    "growth": growth.growth,
    "flow": flow.flow,
    "keys": flow.keys,
    "turns": flow.turns,
}

OTHERS: dict[str, Callable[[], dict[str, float]]] = {
    "horizon": growth.horizon,
    "footprint": footprint.footprint,
    "mail": lambda: {"import / bare parse": mail_import.run()["ratio"]},
}

#: What each figure must reach: at least (ratios) or at most (times, sizes).
AT_LEAST = {
    "sqlite: enqueue_many / raw": 0.6,
    "postgres: enqueue_many / raw": 0.6,
    "redis: enqueue_many / raw": 0.6,
    "sqlite: end to end / raw": 0.45,
    "postgres: end to end / raw": 0.7,
    "redis: end to end / raw": 0.5,
    "sqlite: two processes / one": 1.0,
    "postgres: two processes / one": 1.0,
    "redis: two processes / one": 1.0,
    **{f"{kind}: end to end with {flow.TENANTS} tenants / plain": 0.9 for kind in KINDS},
    **{f"{kind}: end to end with all predicates / plain": 0.6 for kind in KINDS},
    "import / bare parse": 0.30,
}
AT_MOST = {
    "sqlite: one process p99 ms": 5,
    "sqlite: other process p99 ms": 60,
    "postgres: other process p50 ms": 4,
    "postgres: other process p99 ms": 15,
    "redis: other process p50 ms": 2,
    "redis: other process p99 ms": 10,
    **{
        f"{kind}: claim p99 with a million {state} N={want} / empty": 2.0 if kind == "sqlite" else 1.5
        for kind in KINDS
        for state in ("finished", "queued")
        for want in growth.CYCLES
    },
    **{f"{kind}: cycle with {flow.MANY:,} keys / {flow.FEW:,} keys": 1.2 for kind in KINDS},
    **{f"{kind}: another tenant's first start p99, in service times": 2.0 for kind in KINDS},
    "postgres: claim p99 after 10 min of an open transaction / before": 5,
    "idle worker MiB": 60,
    "import treadle CPU ms, whole process": 120,
    "treadle --help CPU ms, whole process": 300,
}


def verdict(name: str, value: float) -> str:
    """Say whether a figure reaches its goal."""
    if name in AT_LEAST:
        return f"goal >= {AT_LEAST[name]}: {'reached' if value >= AT_LEAST[name] else 'MISSED'}"
    if name in AT_MOST:
        return f"goal <= {AT_MOST[name]}: {'reached' if value <= AT_MOST[name] else 'MISSED'}"
    return ""


def chosen(wish: str) -> Iterator[Callable[[], dict[str, float]]]:
    """Give what a name stands for; ends the program with a sentence if there is none."""
    name, _, kind = wish.partition(":")
    if name in OTHERS and not kind:
        yield OTHERS[name]
    elif name in PER_STORE and kind in ("", *KINDS):
        for each in (kind,) if kind else KINDS:
            yield lambda each=each: PER_STORE[name](each)  # type: ignore[misc]  # the default binds it
    else:
        known = [*(f"{part}[:{'|'.join(KINDS)}]" for part in PER_STORE), *OTHERS]
        sys.exit(f"No benchmark is called {wish!r}; there are {', '.join(known)}.")


def main() -> None:
    parts = [part for wish in sys.argv[1:] or [*PER_STORE, *OTHERS] for part in chosen(wish)]
    figures: dict[str, float] = {}
    for part in parts:
        figures |= part()
    print()
    for name, value in figures.items():
        print(f"{name:<68} {value:>9.2f}  {verdict(name, value)}")


if __name__ == "__main__":
    main()

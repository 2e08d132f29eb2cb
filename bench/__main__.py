"""`python3 dev.py bench [NAME …]`: run all, or some, and print one line a figure with its goal."""

import sys
from collections.abc import Callable

from bench import engine, footprint, mail_import

PARTS: dict[str, Callable[[], dict[str, float]]] = {
    "throughput": engine.throughput,
    "latency": lambda: engine.latency_here() | engine.latency_elsewhere(),
    "growth": engine.growth,
    "footprint": footprint.footprint,
    "mail": lambda: {"import / bare parse": mail_import.run()["ratio"]},
}

#: What each figure must reach: at least (ratios) or at most (times, sizes).
AT_LEAST = {
    "enqueue_many / raw": 0.5,
    "end to end / raw": 0.45,
    "million finished N=1": 0.5,
    "million finished N=100": 0.5,
    "import / bare parse": 0.30,
}
AT_MOST = {
    "one process p99 ms": 5,
    "other process p99 ms": 60,
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


def main() -> None:
    names = sys.argv[1:] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"No benchmark is called {unknown[0]!r}; there are {', '.join(PARTS)}.")
    figures: dict[str, float] = {}
    for name in names:
        figures |= PARTS[name]()
    print()
    for name, value in figures.items():
        print(f"{name:<40} {value:>9.2f}  {verdict(name, value)}")


if __name__ == "__main__":
    main()

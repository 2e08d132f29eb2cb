"""Interleaved rounds: every case once a round, so that a drifting machine hits all alike; medians are quoted."""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Jobs per second, and the CPU that one job cost."""

    per_second: float
    cpu_us: float

    @classmethod
    def of(cls, jobs: int, work: Callable[[], object]) -> "Rate":
        """Time this work over so many jobs."""
        cpu, start = time.process_time(), time.perf_counter()
        work()
        return cls(jobs / (time.perf_counter() - start), (time.process_time() - cpu) / jobs * 1e6)

    @classmethod
    async def over(cls, jobs: int, work: Callable[[], Awaitable[object]]) -> "Rate":
        """Time a coroutine over so many jobs."""
        cpu, start = time.process_time(), time.perf_counter()
        await work()
        return cls(jobs / (time.perf_counter() - start), (time.process_time() - cpu) / jobs * 1e6)


def interleaved(cases: Mapping[str, Callable[[], Rate]], rounds: int) -> dict[str, list[Rate]]:
    """Run every case once a round."""
    found: dict[str, list[Rate]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            found[name].append(case())
    return found


def median(rates: list[Rate]) -> float:
    """The middle rate."""
    return statistics.median(rate.per_second for rate in rates)


def ratio(found: Mapping[str, list[Rate]], case: str, base: str) -> float:
    """The median of the rounds' own ratios: pairs of one round met the same machine."""
    pairs = zip(found[case], found[base], strict=True)
    return statistics.median(one.per_second / other.per_second for one, other in pairs)


def show(title: str, found: Mapping[str, list[Rate]], base: str) -> None:
    """Print a table."""
    print(f"\n{title}")
    for name, rates in found.items():
        speeds = sorted(rate.per_second for rate in rates)
        cpu = statistics.median(rate.cpu_us for rate in rates)
        print(
            f"  {name:<38} {median(rates):>10,.0f}/s  ({speeds[0]:,.0f} to {speeds[-1]:,.0f})"
            f"  CPU {cpu:5.1f} us  ratio {ratio(found, name, base):.2f}"
        )


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

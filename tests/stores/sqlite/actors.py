"""What other processes do in these tests: run as `python actors.py ACT URL …`, heard and steered by lines of text."""

import asyncio
import ctypes
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from treadle.core.errors import TreadleError
from treadle.core.job import Ending, Filter, NewJob, WorkerInfo
from treadle.core.outcomes import complete
from treadle.stores import open_store

#: Longer than any test: what is taken over here is taken because a test said so.
LEASE = 3_600_000


def tell(*words: object) -> None:
    print(*words, flush=True)


def hear() -> str:
    return sys.stdin.readline().strip()


def job(id: str, args: str = "{}") -> NewJob:
    return NewJob(id=id, task="greet", queue="default", args=args)


async def add(url: str, prefix: str) -> None:
    """Add jobs until killed; tell each id once it is acknowledged."""
    store = open_store(url)
    number = 0
    while True:
        answers = await store.add([job(f"{prefix}{number + place:06}") for place in range(3)])
        tell(*(answer.id for answer in answers))
        number += 3


async def work(url: str, name: str) -> None:
    """Claim and complete until nothing is left; tell each claim with its epoch before it is settled."""
    store = open_store(url)
    heart = store.heart(WorkerInfo(id=name))
    heart.beat(LEASE)
    await store.open()
    tell("ready")
    hear()
    ended: list[Ending] = []
    while (answer := await store.cycle(name, ended, ["default"], 3)).claims:
        for claim in answer.claims:
            tell(claim.id, claim.epoch)
        ended = [Ending(claim, complete(f'"{name}"')) for claim in answer.claims]
    heart.close()
    await store.close()


async def migrate(url: str) -> None:
    """Open a file that has no tables yet, at a word."""
    store = open_store(url)
    tell("ready")
    hear()
    await store.add([job(f"from-{os.getpid()}")])
    tell("added")
    await store.close()


async def listen(url: str) -> None:
    """Tell that a hint came."""
    store = open_store(url)
    await store.open()
    loop, hints = asyncio.get_running_loop(), asyncio.Queue[str]()

    def hint() -> None:
        loop.call_soon_threadsafe(hints.put_nowait, "hint")

    leave = store.subscribe(hint)
    tell("ready")
    tell(await hints.get())
    await asyncio.to_thread(hear)
    leave()
    await store.close()


async def bloat(url: str, limit: str) -> None:
    """Add until files may grow no further; tell what was acknowledged, what the error said, and what is there."""
    store = open_store(url)
    await store.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while True:
            acknowledged += len(await store.add([job(f"{acknowledged:06}", f'"{"x" * 5_000}"')]))
    except TreadleError as error:
        tell("refused", type(error).__name__, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.add([job("afterwards")])
    tell("acknowledged", acknowledged + 1, "kept", sum((await store.count(Filter())).values()))
    await store.close()


async def try_add(url: str) -> None:
    """Add one job, without root's power to ignore permissions; tell how that went."""
    store = open_store(url)
    try:
        await store.add([job("a")])
        tell("added")
    except TreadleError as error:
        tell(type(error).__name__, error)
    await store.close()


def without_root() -> None:
    """Start again without the capabilities by which root reads and writes what it may not."""
    if os.geteuid() == 0 and "WITHOUT_ROOT" not in os.environ:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None, use_errno=True).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "WITHOUT_ROOT": "1"})


ACTS: dict[str, Callable[..., Awaitable[None]]] = {
    act.__name__: act for act in (add, work, migrate, listen, bloat, try_add)
}

if __name__ == "__main__":
    if sys.argv[1] == "try_add":
        without_root()
    sys.path.insert(0, str(Path(__file__).parents[3] / "src"))
    asyncio.run(ACTS[sys.argv[1]](*sys.argv[2:]))  # type: ignore[arg-type]  # every act is a coroutine function

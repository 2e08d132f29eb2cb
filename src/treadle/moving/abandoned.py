"""Who works on a store, and what the dead have left running there."""

import asyncio

from treadle.core.job import Ending, WorkerInfo
from treadle.core.store import Store
from treadle.engine.neighbours import provably_dead
from treadle.engine.sweeper import SLICE, TAKE, verdict

#: Milliseconds that a lease for taking over lasts: were the mover to die, so long nobody could take from it.
LEASE = 15_000


async def living(store: Store, me: WorkerInfo) -> list[WorkerInfo]:
    """List the workers that may be at work; one without slots is none: it only sweeps."""
    now = await store.now()
    workers = await store.workers()
    return [one for one in workers if one.slots and one.lease_until > now and not provably_dead(one, me)]


async def take_over(store: Store, me: WorkerInfo) -> int:
    """Take what dead workers have left running and settle it, as any other worker would; answer how many it was."""
    heart = store.heart(me)
    await asyncio.to_thread(heart.beat, LEASE)
    try:
        workers = await store.workers()
        await store.bury([one.id for one in workers if one.id != me.id and provably_dead(one, me)])
        number = 0
        while taken := (await store.sweep(me.id, SLICE, take=TAKE)).taken:
            await store.cycle(me.id, [Ending(claim, verdict(claim)) for claim in taken], (), 0)
            number += len(taken)
        return number
    finally:
        await asyncio.to_thread(heart.leave)
        heart.close()

"""Letting ended jobs go when they are old enough, kept in the archive first, if there is one."""

import asyncio
import logging
from collections.abc import Sequence

from treadle.core.job import Snapshot
from treadle.core.retention import RETENTION, Retention, read_ages
from treadle.core.store import Store
from treadle.engine.archive import Archive
from treadle.engine.settings import WorkerSettings

log = logging.getLogger("treadle.engine")

#: Jobs that are read, written to the archive and deleted together: each may have a megabyte to tell.
PIECE = 50


class Pruner:
    """One worker's rules and its archive."""

    def __init__(self, store: Store, worker: str, settings: WorkerSettings) -> None:
        self._store, self._own = store, settings.retention
        self._archive = Archive(settings.archive, worker) if settings.archive else None
        self._in_trouble = False

    async def __call__(self, limit: int) -> bool:
        """Let at most so many go; answer whether there are more."""
        rules, asked = await self._rules(), await self._store.now()
        outdated = await self._store.outdated(rules, limit)
        if self._archive is None:
            if outdated:
                await self._store.delete(outdated, ended_by=asked)
        elif not await self._keep_and_delete(self._archive, outdated, rules):
            return False
        return len(outdated) == limit

    async def _rules(self) -> Retention:
        """Put together what other workers told of their tasks, and what this one's code says of its own."""
        told = read_ages((record.key, record.value) for record in await self._store.read(RETENTION))
        return self._own._replace(tasks={**told, **self._own.tasks})

    async def _keep_and_delete(self, archive: Archive, outdated: Sequence[str], rules: Retention) -> bool:
        """Answer whether the disk took them; who is in no archive is not deleted."""
        for start in range(0, len(outdated), PIECE):
            now = await self._store.now()
            jobs = await self._read(outdated[start : start + PIECE], rules, now)
            if not jobs:
                continue
            try:
                await asyncio.to_thread(archive.keep, jobs, now)
            except OSError as error:
                self._tell(error)
                return False
            self._in_trouble = False
            # One that was revived and has ended again since it was read is not in the archive as it is now.
            ended_by = max(job.finished_at or 0 for job in jobs)
            await self._store.delete([job.id for job in jobs], ended_by=ended_by)
        return True

    async def _read(self, ids: Sequence[str], rules: Retention, now: int) -> list[Snapshot]:
        """Read those that are still there and old: one may have been revived."""
        found = await asyncio.gather(*map(self._store.get, ids))
        return [
            job
            for job in found
            if job and job.finished_at is not None and rules.may_go(job.task, job.state, now - job.finished_at)
        ]

    def _tell(self, error: OSError) -> None:
        if not self._in_trouble:
            log.error("The archive cannot be written, so no ended job is deleted until it can: %s", error)
        self._in_trouble = True

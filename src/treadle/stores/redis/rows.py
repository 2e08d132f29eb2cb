"""Between what a script answers and values: the one place where this store's records are taken apart."""

import json
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from treadle.core.flow.choosing import rank
from treadle.core.flow.steering import Steer, Steering
from treadle.core.job import Attempt, Claim, Progress, Record, Snapshot, WorkerInfo
from treadle.core.states import State
from treadle.stores.rows import failure

decode = msgspec.msgpack.Decoder().decode


def pairs(flat: Sequence[Any], width: int = 2) -> Iterator[tuple[Any, ...]]:
    """Group a script's flat answer."""
    return zip(*[iter(flat)] * width, strict=True)


# -- claims --------------------------------------------------------------------------


def claims(ids: Sequence[bytes], specs: Sequence[bytes], stamp: bytes, odd: Sequence[Any]) -> list[Claim]:
    """Make the claims that a cycle gave, in its order.

    `stamp` is that of all but the odd, which have a life: (number, stamp, life) in turn.
    """
    lives = {number: (own, life) for number, own, life in pairs(odd, 3)}
    if lives:
        told = enumerate(zip(ids, specs, strict=True), 1)
        return [claim(id, *lives.get(number, (stamp, None)), raw) for number, (id, raw) in told]
    text = stamp.decode()
    return [_first_claim(text, id, raw) for id, raw in zip(ids, specs, strict=True)]


def _first_claim(stamp: str, id: bytes, raw: bytes) -> Claim:
    """Make the first claim of a job: nothing has happened to it since it was added."""
    (task, queue, args, priority, due_at, due_in, max_attempts, expires_in, ttl, owner, tenant, batch, unique, _,
     meta, *more) = decode(raw[29:])  # fmt: skip
    lane, costs, _, unique_for = more or (None, None, None, None)
    created_at = int(raw[:13])
    ref: object = stamp
    if unique is not None or due_in is not None or due_at is not None:
        till = 0 if unique_for is None else created_at + unique_for
        ref = (stamp, unique, due_at if due_in is None else created_at + due_in, till)
    expires_at = None if expires_in is None else created_at + expires_in
    return Claim(
        ref, id.decode(), task, queue, args, priority, 1, max_attempts, 1, 0, created_at, expires_at, ttl, owner,
        tenant, batch, meta, lane, costs,
    )  # fmt: skip


def claim(id: bytes, stamp: bytes, life: bytes | None, raw: bytes) -> Claim:
    """Make any claim of what a worker's run says of it."""
    epoch, attempt, crashes, _, *more = stamp.decode().split(" ")
    taken = "taken" in more
    text = stamp.decode().removesuffix(" stop")
    first = _first_claim(text, id, raw)._replace(
        attempt=int(attempt), epoch=int(epoch), crashes=int(crashes), taken=taken
    )
    if life is None:
        return first
    told = Life(*decode(life[14:]))
    ref: Any = first.ref
    _, unique, _, till = (text, None, None, 0) if isinstance(ref, str) else ref
    plain = unique is None and told.due_at is None
    return first._replace(
        ref=text if plain else (text, unique, told.due_at, till),
        max_attempts=told.max_attempts, queued_at=told.queued_at, expires_at=told.expires_at,
    )  # fmt: skip


def place(claim: Claim, life: bytes | None, raw: bytes) -> tuple[int, int]:
    """Say where a claim's job stood among those that waited: rank and seq."""
    since = since_of((None, raw, life))
    return rank(int(raw[:13]) if since is None else since, claim.priority), int(raw[13:29])


def held(told: Sequence[Any]) -> list[tuple[tuple[int, int], Claim]]:
    """Make claims of id, stamp, spec and life in turn, each with its place."""
    claims = [(claim(id, stamp, life, raw), life, raw) for id, stamp, raw, life in pairs(told, 4)]
    return [(place(*each), each[0]) for each in claims]


def in_turn(claims: Sequence[tuple[tuple[int, int], Claim]]) -> list[Claim]:
    """Put claims, each with its place, in order."""
    return [claim for _, claim in sorted(claims, key=itemgetter(0))]


# -- pictures ------------------------------------------------------------------------


class Spec(NamedTuple):
    """What hardly ever changes of a job, as `packing.py` writes it."""

    task: str
    queue: str
    args: str
    priority: int
    due_at: int | None
    due_in: int | None
    max_attempts: int
    expires_in: int | None
    result_ttl: int | None
    owner: str | None
    tenant: str | None
    batch: str | None
    unique_key: str | None
    held: str | None
    meta: str | None
    lane: str | None = None
    costs: str | None = None
    unique_until: str = "final"
    unique_for: int | None = None


class Life(NamedTuple):
    """What has become of it, as `jobs.lua` and `packing.py` write it."""

    attempt: int
    epoch: int
    crashes: int
    max_attempts: int
    reason: str | None
    outcome: str | None
    error: str | None
    due_at: int | None
    queued_at: int
    started_at: int | None
    expires_at: int | None
    kept: int | None
    result: str | None
    since: int | None = None
    """When it was revived."""


def seq_of(picture: Sequence[Any]) -> int:
    """Say where this job stands among all."""
    return int(picture[1][13:29])


def since_of(picture: Sequence[Any]) -> int | None:
    """Say when this job was revived, if it was."""
    told = picture[2]
    return None if told is None else Life(*decode(told[14:])).since


def snapshot(picture: Sequence[Any], now: int) -> Snapshot:
    """Turn a picture (`pictures.lua`) into a value."""
    id, raw, told, where, detail, worker, progress, *more = picture
    spec, created_at, state = Spec(*decode(raw[29:])), int(raw[:13]), State(where.decode())
    life = _as_it_stands(_life(told, spec, created_at), state, detail)
    finished_at = int(told[1:14]) if state.final else None
    until = None if life.kept is None or finished_at is None else finished_at + life.kept
    attempts, log = more or ((), ())
    return Snapshot(
        id=id.decode(), task=spec.task, queue=spec.queue, state=state, reason=life.reason, outcome=life.outcome,
        args=spec.args, result=life.result if until is None or until > now else None, failure=failure(life.error),
        priority=spec.priority, attempt=life.attempt, max_attempts=life.max_attempts, epoch=life.epoch,
        crashes=life.crashes, cancelling=state is State.RUNNING and detail.endswith(b" stop"),
        worker=worker and worker.decode(), owner=spec.owner, tenant=spec.tenant, batch=spec.batch,
        unique_key=spec.unique_key, created_at=created_at, queued_at=life.queued_at, due_at=life.due_at,
        expires_at=life.expires_at, started_at=life.started_at, finished_at=finished_at, result_until=until,
        result_ttl=spec.result_ttl, meta=spec.meta, lane=spec.lane, costs=spec.costs, unique_until=spec.unique_until,
        unique_for=spec.unique_for, progress=_progress(progress), cursor=str(seq_of(picture)),
        attempts=tuple(map(_attempt, attempts)), log=tuple(_lines(log)),
    )  # fmt: skip


def _life(told: bytes | None, spec: Spec, created_at: int) -> Life:
    """Read a life; that of a job that was only added follows from its spec."""
    if told is not None:
        return Life(*decode(told[14:]))
    due_at = spec.due_at if spec.due_in is None else created_at + spec.due_in
    expires_at = None if spec.expires_in is None else created_at + spec.expires_in
    return Life(0, 0, 0, spec.max_attempts, None, None, None, due_at, created_at, None, expires_at, None, None)


def _as_it_stands(life: Life, state: State, detail: bytes) -> Life:
    """Add what the place says in which a live job is: the stamp of its run, or why it is held."""
    if state is State.HELD:
        return life._replace(reason=detail.decode())
    if state is not State.RUNNING:
        return life
    epoch, attempt, crashes, started_at, *_ = map(int, detail.split(b" ")[:4])
    return life._replace(epoch=epoch, attempt=attempt, crashes=crashes, started_at=started_at, reason=None)


def _progress(told: bytes | None) -> Progress | None:
    return None if told is None else Progress(*decode(told)[1:])


def _attempt(told: bytes) -> Attempt:
    *fields, error = decode(told)
    return Attempt._make((*fields, failure(error)))


def _lines(log: Sequence[bytes]) -> Iterator[Mapping[str, object]]:
    for told in log:
        yield from json.loads(told.partition(b":")[2])


# -- the rest ------------------------------------------------------------------------


def worker(id: bytes, lease_until: bytes, told: bytes) -> WorkerInfo:
    """Turn a worker's record into a value."""
    host, space, pid, born, queues, slots, details = decode(told[26:])
    return WorkerInfo(
        id=id.decode(), lease_until=int(lease_until), seen_at=int(told[13:26]), started_at=int(told[:13]), host=host,
        space=space, pid=pid, born=born, queues=tuple(queues), slots=slots, details=details,
    )  # fmt: skip


def steering(told: bytes) -> Steering:
    """Turn what `steers.lua` keeps into values."""
    if not told:
        return {}
    said = decode(told)[1] or {}
    return {
        target: Steer(
            bool(each.get("paused")), each.get("limit"), each["weight"],
            tuple(each["declared"]) if each.get("declared") else None,
        )
        for target, each in said.items()
    }  # fmt: skip


def record(key: bytes, told: bytes) -> Record:
    """Turn "version:value" into a value."""
    version, _, value = told.partition(b":")
    return Record(key.decode(), value.decode(), int(version))

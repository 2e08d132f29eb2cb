"""What is decided in Lua is what `treadle.core.flow` decides: the same numbers, the same jobs in the same order."""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from tests.servers.given import GivenValkey
from tests.servers.valkey import Valkey
from treadle.core.flow.choosing import Choice, choose
from treadle.core.flow.gates import Gate, Kind, Park, Standing, adjust, ask, enter, idle_at, leave, park
from treadle.core.flow.lanes import lane_of_task, write_lane
from treadle.core.flow.steering import STEER, Steer, read_steering
from treadle.core.job import Claim, Ending, NewJob
from treadle.core.outcomes import complete, hand_back, retry
from treadle.core.store import Store
from treadle.stores import open_store
from treadle.stores.redis import packing, rows
from treadle.stores.redis.scripts import with_parts
from treadle.testing import FakeClock
from treadle.testing.contract.adding import STRANGE
from treadle.testing.contract.scene import Hand, Hire, hire, ids

pytestmark = pytest.mark.server

__all__ = ["hire"]

NOW = 1_800_000_000_123

# -- numbers -----------------------------------------------------------------------------

MOVES = """-- with: gates
local function after(told, move)
  local standing = { unpack(told) }
  if move then move(standing) end
  return standing
end
local answer = {}
for i = 2, #ARGV do
  local gate, standing, cost, told = unpack(cmsgpack.unpack(ARGV[i]))
  local passes = ask(gate, standing, 'a', cost)
  answer[#answer + 1] = cmsgpack.pack({
    passes,
    after(standing, passes == PASSES and function(copy) enter(gate, copy, 'a', cost) end),
    after(standing, function(copy) leave(gate, copy, 'a', true) end),
    after(standing, function(copy) adjust(copy, told[1], told[2]) end),
    after(standing, function(copy) park(copy, told[3], told[4], told[5]) end),
    idle_at(gate, standing) or -1,
  })
end
return answer
"""

NUMBERS = st.integers(1, 10**6)
INSTANTS = st.one_of(st.just(0), st.integers(NOW - 10**6, NOW + 10**6))
GATES = st.builds(
    Gate,
    st.sampled_from([*Kind]).map(str),
    st.just("p"),
    st.just(""),
    st.one_of(st.integers(-1, 10), NUMBERS),
    st.integers(1, 86_400_000 * 31),
    st.integers(1, 1_000),
)


@st.composite
def standings(draw: st.DrawFn, gate: Gate) -> Standing:
    """A standing as a gate of this kind may have it."""
    window = NOW // gate.period
    mark = (
        st.integers(max(0, window - 2), window) if gate.kind == Kind.BUDGET else INSTANTS.map(lambda at: at * 1_000 + 7)
    )
    return Standing(
        draw(st.integers(0, 20)), draw(mark), draw(INSTANTS), draw(st.integers(0, 10**7)), draw(INSTANTS),
        draw(st.sampled_from(["", "a", "b"])),
    )  # fmt: skip


TOLD = st.tuples(
    st.integers(-30, 30), st.integers(0, 3) | st.just(NOW // 1_000), NUMBERS, st.sampled_from([0, 1, 10**6]), NUMBERS
)
CASES = GATES.flatmap(
    lambda gate: st.tuples(st.just(gate), standings(gate), st.integers(1, 2_000), TOLD),
)


@pytest.fixture(scope="module")
def client(valkey: Valkey | GivenValkey) -> Iterator["Redis"]:
    with Redis.from_url(valkey.url()) as client:
        yield client


@pytest.fixture
async def store(redis_place: Callable[[], str], clock: FakeClock) -> AsyncIterator[Store]:
    store = open_store(redis_place(), clock)
    await store.open()
    yield store
    await store.close()


def _in_lua(client: "Redis", cases: Sequence[Any]) -> list[Any]:
    told = [packing.encode((gate._asdict() | {"name": gate.name}, *rest)) for gate, *rest in cases]
    answer: Any = client.eval(with_parts(MOVES), 1, "{moves}", NOW, *told)
    return [rows.decode(each) for each in answer]


def _in_python(gate: Gate, standing: Standing, cost: int, told: tuple[int, int, int, int, int]) -> list[Any]:
    passes = ask(gate, standing, "a", cost, NOW)
    moved = [
        enter(gate, standing, "a", cost, NOW) if passes == 0 else standing,
        leave(gate, standing, "a", final=True), adjust(standing, *told[:2]), park(standing, Park(*told[2:]), NOW),
    ]  # fmt: skip
    rested = idle_at(gate, standing, NOW)
    return [passes, *map(list, moved), -1 if rested is None else rested]


@given(st.lists(CASES, min_size=20, max_size=20))
def test_gates_move_by_the_same_numbers(client: "Redis", cases: list[Any]) -> None:
    assert _in_lua(client, cases) == [_in_python(*case) for case in cases]


def test_the_lane_of_a_task_has_the_same_name(client: "Redis") -> None:
    names = [STRANGE, "mail.sync", "".join(map(chr, range(1, 160))), "a/b", "\u2028"]
    text = with_parts("-- with: lanes\nreturn { " + ", ".join(f"lane_of_task(ARGV[{n}])" for n in range(2, 7)) + " }")
    found: Any = client.eval(text, 1, "{names}", NOW, *names)
    assert [name.decode() for name in found] == [lane_of_task(name) for name in names]


# -- choices -----------------------------------------------------------------------------

QUEUES = ("q1", "q2", "q3")


def _gates(chance: random.Random) -> list[Gate]:
    user, account = chance.randrange(6), chance.randrange(3)
    return chance.sample([
        Gate(Kind.CONCURRENCY, "fleet", "", 9),
        Gate(Kind.CONCURRENCY, "sync", f"user={user}", chance.choice([1, 1, 2])),
        Gate(Kind.RATE, "api", f"account={account}", 7, 10_000, 3), Gate(Kind.ORDER, "order", f"user={user}", 1),
        Gate(Kind.BUDGET, "tokens", f"account={account}", 60, 30_000),
    ], chance.choice([0, 0, 1, 2, 3]))  # fmt: skip


def _job(chance: random.Random, number: int) -> NewJob:
    task, tenant, gates = (
        chance.choice(["greet", "sum"]),
        chance.choice([None, None, "acme", "umbrella"]),
        _gates(chance),
    )
    costs = str([chance.choice([1, 1, 2, 15]) for _ in gates])
    return NewJob(
        f"{number:04}", task, chance.choice(QUEUES), "{}", priority=chance.choice([0, 0, 0, 1, -1, 5]), tenant=tenant,
        lane=write_lane(task, tenant, gates), costs=chance.choice([None, costs]) if gates else None,
        max_attempts=9, owner=chance.choice([None, "ada"]),
    )  # fmt: skip


STEERS = [
    ("tenant=acme", Steer(weight=3)), ("tenant=umbrella", Steer(limit=2)), ("queue=q1", Steer(limit=4)),
    ("queue=q2", Steer(paused=True)), ("task=sum", Steer(limit=3)), ("task=greet", Steer(paused=True)),
    ("api", Steer(limit=2)), ("api", Steer(declared=(9, 10_000, 4))), ("key=user=1", Steer(paused=True)),
    ("sync:user=2", Steer(limit=3)),
]  # fmt: skip


class _Game:
    def __init__(self, store: Store, clock: FakeClock, worker: Hand, seed: int) -> None:
        self.store, self.clock, self.worker, self.chance = store, clock, worker, random.Random(seed)
        self.held: list[Claim] = []
        self.number = 0

    async def play(self) -> None:
        """Add, end, let time pass, steer; then claim, and see that it is what was to be claimed."""
        new = [_job(self.chance, self.number + each) for each in range(self.chance.choice([0, 3, 12, 30]))]
        self.number += len(new)
        await self.store.add(new)
        await self._end()
        self.clock.forward(self.chance.choice([0, 1, 500, 3_000, 59_999, 60_000]))
        self.worker.beat()
        if self.chance.random() < 0.3:
            target, steer = self.chance.choice(STEERS)
            await self.store.steer(target, self.chance.choice([steer, Steer()]))
        await self._claim()

    async def _end(self) -> None:
        self.chance.shuffle(self.held)
        ended = [self.held.pop() for _ in range(self.chance.randint(0, len(self.held)))]
        outcomes = [complete(), complete(), retry(0), retry(2_000), hand_back()]
        await self.worker.settle_all([Ending(claim, self.chance.choice(outcomes)) for claim in ended])
        await self.worker.sweep()

    async def _claim(self) -> None:
        await self._open_all()
        queues = self.chance.sample(QUEUES, self.chance.choice([1, 1, 2, 3]))
        want = self.chance.choice([1, 4, 10, 25, 60])
        shares = [self.chance.randrange(4) for _ in queues] if self.chance.random() < 0.3 else []
        expected = await self._expected(queues, want, shares)
        answer = await self.store.cycle(self.worker.name, [], queues, want, shares)
        self.held += answer.claims
        claimed = ids(answer.claims)
        assert claimed == [taken.job.id for taken in expected.taken][: len(claimed)]
        assert len(claimed) == len(expected.taken) or answer.more, "a script looks at so many lanes at most"

    async def _open_all(self) -> None:
        """Open all lanes: what is left to chance is which were shut before."""
        for target in ("fleet", "sync", "api", "order", "tokens", "task=greet", "task=sum", "queue=q1", "tenant=acme",
                       "tenant=umbrella", *(f"key=user={user}" for user in range(6))):  # fmt: skip
            said = read_steering((record.key, record.value) for record in await self.store.read(STEER, target))
            await self.store.steer(target, said.get(target, Steer()))

    async def _expected(self, queues: Sequence[str], want: int, shares: Sequence[int]) -> Choice:
        surveys = [await self.store.survey(queue, 1_000) for queue in queues]
        lines = [
            replace(survey.line, share=shares[number] if shares else None) for number, survey in enumerate(surveys)
        ]
        standings = {name: standing for survey in surveys for name, standing in survey.standings.items()}
        return choose(lines, standings, surveys[0].steering, surveys[0].now, want, max(1, want // 10))


@pytest.mark.parametrize("seed", range(12))
async def test_a_claim_takes_what_is_chosen_where_all_is_known(
    store: Store, clock: FakeClock, hire: Hire, seed: int
) -> None:
    game = _Game(store, clock, hire("w"), seed)
    for _ in range(40):
        await game.play()

"""Jobs and what becomes of them, drawn at random: a few tasks, tenants, keys and gates, so that they meet."""

import json
from typing import Any

from hypothesis import strategies as st

from treadle.core.flow.gates import Gate, Kind, Park
from treadle.core.flow.lanes import write_lane
from treadle.core.flow.steering import Steer
from treadle.core.job import NewJob
from treadle.core.outcomes import cancel, complete, give_up, hand_back, hold, retry, skip, snooze

DAY = 86_400_000

ALL = Gate(Kind.CONCURRENCY, "all", "", 2)
ONE, OTHER = (Gate(Kind.CONCURRENCY, "one", key, 1) for key in ("k=1", "k=2"))
ORDER = Gate(Kind.ORDER, "order", "k=1", 1)
API = Gate(Kind.RATE, "api", "", 1, 1_000, 2)
DAILY = Gate(Kind.BUDGET, "tokens", "", 10, DAY)
GATES: list[tuple[Gate, ...]] = [
    (), (), (ALL,), (ONE,), (OTHER, ALL), (ALL, ONE), (ORDER,), (ORDER, ONE), (API,), (API, OTHER), (DAILY,),
    (DAILY, ONE),
]  # fmt: skip

# Jobs without a tenant wait apart from those with one: whether they pay for turns depends on what a store has open.
OF_NOBODY, OF_TENANTS = ("q1", "q2"), "q3"
EVERYWHERE = (*OF_NOBODY, OF_TENANTS)

#: Some are chosen; the others are made new for each job.
MADE = "made"
IDS = st.sampled_from([*[MADE] * 6, "a", "b", "c"])
SHORT = st.sampled_from([*[None] * 6, 0, 1_000, 5_000])
TARGETS = st.sampled_from([
    "queue=q1", "queue=q3", "task=greet", "task=bye", "tenant=t1", "key=k=1", "one", "one:k=1", "all", "api", "tokens",
])  # fmt: skip
STEERS = st.sampled_from([
    Steer(), Steer(), Steer(paused=True), Steer(limit=0), Steer(limit=1), Steer(limit=3), Steer(weight=3),
    Steer(declared=(3, 1_000, 1)),
])  # fmt: skip


@st.composite
def new_jobs(draw: st.DrawFn) -> NewJob:
    """Draw a job. Where jobs wait for each other in order, none has a priority."""
    tenant = draw(st.sampled_from([None, None, "t1", "t2"]))
    task, gates = draw(st.sampled_from(["greet", "bye"])), draw(st.sampled_from(GATES))
    costs = [draw(st.integers(0, 4)) if gate.kind in (Kind.RATE, Kind.BUDGET) else 1 for gate in gates]
    lane = write_lane(task, tenant, gates)
    nothing: dict[str, Any] = dict.fromkeys(("due_at", "result_ttl", "owner", "batch", "meta"))
    return NewJob(
        id=draw(IDS),
        task=task,
        queue=OF_TENANTS if tenant else draw(st.sampled_from(OF_NOBODY)),
        args=draw(st.sampled_from(["{}", '{"n":1}'])),
        priority=0 if ORDER in gates else draw(st.sampled_from([0, 0, 0, 5, -5])),
        due_in=draw(SHORT),
        max_attempts=draw(st.integers(1, 3)),
        expires_in=draw(st.sampled_from([*[None] * 4, 3_000, 20_000])),
        tenant=tenant,
        unique_key=draw(st.sampled_from([*[None] * 5, f"u1-{tenant}", f"u2-{tenant}"])),
        held=draw(st.sampled_from([*[None] * 7, "operator"])),
        lane=lane,
        costs=json.dumps(costs) if lane and costs and draw(st.booleans()) else None,
        unique_until=draw(st.sampled_from(["final", "final", "started"])),
        unique_for=draw(st.sampled_from([None, None, 4_000])),
        on_conflict=draw(st.sampled_from(["skip", "skip", "replace", "reschedule"])),
        **nothing,
    )


OUTCOMES = st.sampled_from([
    complete("1"), complete("1"), complete(), skip("x"), retry(0), retry(5_000), snooze(0),
    snooze(2_000, "retry_later"), hand_back(), hold("operator"), give_up("error", "boom"), cancel("why"),
    snooze(2_000, "retry_later")._replace(park=Park(2_000)), complete()._replace(park=Park(0, 2_000_000, 4_000)),
])  # fmt: skip
UNITS = st.sampled_from([0, 0, -3, 2])

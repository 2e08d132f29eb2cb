"""The life of a job, as a table."""

from treadle.core.states import FINAL, LEADS_TO, LIVE, State


def test_every_state_has_its_line() -> None:
    assert set(LEADS_TO) == set(State)


def test_every_state_is_live_or_final_and_never_both() -> None:
    assert set(State) == LIVE | FINAL
    assert not LIVE & FINAL
    assert {state for state in State if state.final} == FINAL == {"completed", "failed", "cancelled"}


def test_from_a_final_state_only_a_revival_leads_on() -> None:
    assert {LEADS_TO[state] for state in FINAL} == {frozenset({State.QUEUED})}


def test_only_a_claim_leads_to_running() -> None:
    assert {state for state in State if State.RUNNING in LEADS_TO[state]} == {State.QUEUED, State.RUNNING}


def test_every_live_state_can_be_cancelled() -> None:
    assert all(State.CANCELLED in LEADS_TO[state] for state in LIVE)


def test_only_a_running_job_completes() -> None:
    assert [state for state in State if State.COMPLETED in LEADS_TO[state]] == [State.RUNNING]


def test_every_state_can_be_reached_from_queued() -> None:
    reached, fresh = set[State](), {State.QUEUED}
    while fresh:
        reached |= fresh
        fresh = {target for state in fresh for target in LEADS_TO[state]} - reached
    assert reached == set(State)


def test_a_states_value_is_the_word_that_people_see() -> None:
    assert [str(state) for state in State] == [
        "held", "scheduled", "queued", "running", "completed", "failed", "cancelled",
    ]  # fmt: skip

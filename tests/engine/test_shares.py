"""Queues get what their weights say, over many claims exactly."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from treadle.engine.shares import Shares


@given(weights=st.lists(st.integers(1, 1_000), min_size=1, max_size=6), wants=st.lists(st.integers(1, 300)))
def test_each_want_is_split_whole_and_each_queue_gets_its_share(weights: Sequence[int], wants: Sequence[int]) -> None:
    shares, got = Shares(weights), [0] * len(weights)
    for want in wants:
        split = shares.of(want)
        assert sum(split) == want
        assert min(split) >= 0
        got = [had + more for had, more in zip(got, split, strict=True)]
    for had, weight in zip(got, weights, strict=True):
        assert abs(had - sum(wants) * weight / sum(weights)) <= len(weights)


def test_one_at_a_time_three_go_to_the_one_and_one_to_the_other() -> None:
    shares = Shares([3, 1])
    assert sorted(shares.of(1) for _ in range(4)) == [(0, 1), (1, 0), (1, 0), (1, 0)]

"""What a provider's headers say of its pace; whatever they say, nothing is raised and nobody waits for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.flow.gates import Park
from treadle.core.pace import LONGEST, pace_from

NOW = 1_795_608_000.0  # 2026-11-25 12:00:00 UTC


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "30"}, Park(30_000)),
        ({"retry-after": "Wed, 25 Nov 2026 12:01:00 GMT"}, Park(60_000)),
        ({"Retry-After": "Wed, 25 Nov 2026 11:00:00 GMT"}, None),
        ({"RateLimit": '"default";r=50;t=30'}, Park(0, 600, 30_000)),
        ({"RateLimit": "limit=100, remaining=0, reset=7"}, Park(7_000)),
        ({"RateLimit-Remaining": "10", "RateLimit-Reset": "5"}, Park(0, 500_000, 5_000)),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795608060"}, Park(60_000)),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, Park(360_000)),
        ({"x-ratelimit-remaining-requests": "2", "x-ratelimit-reset-requests": "20ms"}, Park(0, 10_000, 20)),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-25T12:00:10Z",
            },
            Park(10_000),
        ),
        ({"RateLimit": '"burst";r=0;t=3, "daily";r=900;t=80000', "RateLimit-Policy": '"daily";q=1000'}, Park(3_000)),
        ({"RateLimit": '"daily";r=100;t=60', "RateLimit-Policy": '"daily";q=1000;w=60'}, Park(0, 600_000, 60_000)),
        ({"RateLimit": '"daily";r=900;t=60', "RateLimit-Policy": '"daily";q=1000;w=60'}, None),
        ({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "80", "RateLimit-Reset": "9"}, None),
        (
            {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "10", "X-RateLimit-Reset": "5"},
            Park(0, 500_000, 5_000),
        ),
        ({"Retry-After": "Mon, 01 Jan 0001 00:00:00 -0000"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "0001-01-01T00:00:00+14:00"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "999999999"}, Park(LONGEST)),
        ({"Retry-After": "-5"}, None),
        ({"RateLimit-Remaining": "many", "RateLimit-Reset": "soon"}, None),
        ({"Retry-After": "9" * 1_000}, None),
    ],
)
def test_each_provider_is_understood(headers: dict[str, str], expected: Park | None) -> None:
    if expected == Park(0, 600, 30_000):  # 30 s for 50 units: 600 ms, in microseconds
        expected = Park(0, 600_000, 30_000)
    assert pace_from(headers, NOW) == expected


NAMES = st.sampled_from([
    "Retry-After", "RateLimit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
])  # fmt: skip
VALUES = st.one_of(st.text(), st.from_regex(r"[0-9.:smhdTZrt=; -]{0,40}", fullmatch=True))


@given(headers=st.dictionaries(NAMES, VALUES))
def test_a_hostile_header_raises_nothing_and_parks_nobody_for_longer_than_a_day(headers: dict[str, str]) -> None:
    told = pace_from(headers, NOW)
    if told is not None:
        assert 0 <= told.wait <= LONGEST
        assert 0 <= told.spaced_for <= LONGEST
        assert told.spacing >= 0

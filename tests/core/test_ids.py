"""UUIDv7 texts: sorted, unique, and laid out as RFC 9562 draws them."""

import threading
import uuid
from collections.abc import Iterator

import pytest

from treadle.core.ids import Ids, worker_id
from treadle.testing import FakeClock


def stamp(id: str) -> int:
    """Read the 48 bits of time, in milliseconds (RFC 9562, 5.7)."""
    return uuid.UUID(id).int >> 80


def test_an_id_is_a_uuid_of_version_7(clock: FakeClock) -> None:
    for id in Ids(clock).take(5_000):
        read = uuid.UUID(id)
        assert (read.version, read.variant, str(read)) == (7, uuid.RFC_4122, id)


@pytest.mark.parametrize("noise", [b"\x00", b"\xff"])
def test_version_and_variant_stand_whatever_the_noise(clock: FakeClock, noise: bytes) -> None:
    (id,) = Ids(clock, lambda size: noise * size).take()
    assert (uuid.UUID(id).version, uuid.UUID(id).variant) == (7, uuid.RFC_4122)


def test_an_id_tells_its_time(clock: FakeClock) -> None:
    assert stamp(Ids(clock).take()[0]) == clock()


def test_ids_of_one_millisecond_are_in_order(clock: FakeClock) -> None:
    ids = Ids(clock)
    taken = [*ids.take(3_000), *(id for _ in range(500) for id in ids.take())]
    assert taken == sorted(set(taken))
    assert {stamp(id) for id in taken} == {clock()}


def test_more_ids_than_a_millisecond_holds_run_ahead_of_it(clock: FakeClock) -> None:
    ids = Ids(clock)
    taken = ids.take(10_000)
    assert taken == sorted(set(taken))
    assert stamp(taken[-1]) == clock() + 2
    clock.forward(1)
    assert ids.take() > taken[-1:]


def test_a_clock_that_steps_back_repeats_nothing(clock: FakeClock) -> None:
    ids = Ids(clock)
    taken = ids.take(10)
    for step in (-60_000, -1, 30_000, -3_600_000):
        clock.forward(step)
        taken += ids.take(5_000)
    assert taken == sorted(set(taken))


def test_a_clock_that_goes_on_is_followed_again(clock: FakeClock) -> None:
    ids = Ids(clock)
    ids.take()
    clock.forward(5_000)
    assert stamp(ids.take()[0]) == clock()


def test_threads_share_a_source_without_repeating(clock: FakeClock) -> None:
    ids, shares = Ids(clock), list[list[str]]()

    def draw() -> None:
        shares.append([id for _ in range(200) for id in ids.take(5)])

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [id for share in shares for id in share]
    assert len(set(taken)) == len(taken) == 8_000
    assert all(share == sorted(share) for share in shares)


def test_two_sources_of_one_moment_differ(clock: FakeClock) -> None:
    assert not set(Ids(clock).take(1_000)) & set(Ids(clock).take(1_000))


def test_no_id_is_taken_for_nothing(clock: FakeClock) -> None:
    assert Ids(clock).take(0) == []


def _bytes() -> Iterator[bytes]:
    yield from (bytes([number] * 16) for number in range(256))


def test_a_workers_name_is_128_random_bits() -> None:
    source = _bytes()
    assert worker_id(lambda size: next(source)[:size]) == "00" * 16
    assert worker_id() != worker_id()
    assert len(bytes.fromhex(worker_id())) == 16

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from records.ids import IdMaker, new_id

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_an_id_is_a_uuid_of_version_7_that_says_when() -> None:
    id = IdMaker()(NOW)
    uuid = UUID(bytes=id)
    assert (len(id), uuid.version, uuid.variant) == (16, 7, "specified in RFC 4122")
    assert int.from_bytes(id[:6]) == int(NOW.timestamp() * 1000)


@given(st.lists(st.integers(-5_000, 5_000), min_size=2, max_size=200))
def test_ids_grow_whatever_the_clock_does(steps: list[int]) -> None:
    make = IdMaker()
    ids = [make(NOW + timedelta(milliseconds=step)) for step in steps]
    assert ids == sorted(set(ids))
    assert all(UUID(bytes=id).version == 7 for id in ids)


def test_many_ids_of_one_moment_differ_and_grow() -> None:
    ids = [new_id(NOW) for _ in range(10_000)]
    assert ids == sorted(set(ids))


def test_a_full_random_part_goes_on_in_the_next_millisecond() -> None:
    make = IdMaker()
    first = make(NOW)
    make._random = (1 << 74) - 1
    after = make(NOW)
    assert after > first
    assert int.from_bytes(after[:6]) == int.from_bytes(first[:6]) + 1

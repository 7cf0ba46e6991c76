from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beamside.stream.framenumbers import Numbers


@given(st.lists(st.integers(0, 60)))
def test_it_behaves_like_a_set(numbers: list[int]) -> None:
    kept, truth = Numbers(), set[int]()
    for number in numbers:
        assert kept.add(number) == (number not in truth)
        truth.add(number)
    assert list(kept) == sorted(truth)
    assert len(kept) == len(truth)
    assert all((n in kept) == (n in truth) for n in range(62))


@given(st.sets(st.integers(0, 40)), st.integers(0, 50))
def test_gaps_and_ranges_cover_everything_once(numbers: set[int], stop: int) -> None:
    kept = Numbers(numbers)
    missing = {n for first, last in kept.gaps(stop) for n in range(first, last + 1)}
    present = {n for first, last in kept.ranges() for n in range(first, last + 1)}
    assert present == numbers
    assert missing == set(range(stop)) - numbers


@given(st.sets(st.integers(0, 30)), st.lists(st.integers(0, 32)))
def test_what_is_discarded_is_gone_and_nothing_else(numbers: set[int], gone: list[int]) -> None:
    kept = Numbers(numbers)
    for number in gone:
        kept.discard(number)
    assert list(kept) == sorted(numbers - set(gone))
    assert len(kept) == len(numbers - set(gone))
    assert kept.first == min(numbers - set(gone), default=0)


def test_frames_in_order_cost_one_range() -> None:
    assert Numbers(range(100_000)).ranges() == [(0, 99_999)]

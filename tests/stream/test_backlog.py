from __future__ import annotations

import pytest

from beamside.stream.backlog import Backlog


def test_wait_never_skips_and_says_when_it_is_full() -> None:
    backlog: Backlog[int] = Backlog("wait", capacity=2)
    assert backlog.offer(1) == []
    assert not backlog.full
    assert backlog.offer(2) == []
    assert backlog.full
    assert [backlog.take(), backlog.take(), backlog.take()] == [1, 2, None]


def test_newest_hands_back_the_oldest() -> None:
    backlog: Backlog[int] = Backlog("newest", capacity=2)
    assert [backlog.offer(n) for n in range(4)] == [[], [], [0], [1]]
    assert [backlog.take(), backlog.take()] == [2, 3]


def test_every_n_takes_one_of_n() -> None:
    backlog: Backlog[int] = Backlog("every-n", capacity=10, n=3)
    skipped = [n for k in range(7) for n in backlog.offer(k)]
    assert skipped == [1, 2, 4, 5]
    assert len(backlog) == 3


def test_bytes_bound_it_too_but_one_item_always_fits() -> None:
    backlog: Backlog[str] = Backlog("newest", capacity=100, capacity_bytes=10)
    assert backlog.offer("large", 1000) == []
    assert backlog.offer("next", 1000) == ["large"]
    assert backlog.nbytes == 1000


def test_what_a_dead_reader_had_in_hand_comes_first_again() -> None:
    backlog: Backlog[int] = Backlog()
    backlog.offer(1)
    backlog.offer(2)
    taken = backlog.take()
    assert taken == 1
    backlog.give_back(1)
    assert backlog.take() == 1


def test_withdrawing_takes_out_only_the_unwanted() -> None:
    backlog: Backlog[int] = Backlog()
    for n in range(5):
        backlog.offer(n, 10)
    assert backlog.withdraw(lambda n: n % 2 == 0) == [0, 2, 4]
    assert backlog.nbytes == 20


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no policy 'oldest'; allowed: wait, newest, every-n"):
        Backlog("oldest")

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from beamside.stream.ledger import Ledger, Run
from beamside.stream.messages import Frame, Message, Pixels, Refusal, RunStart, RunStop

SECOND = 1_000_000_000


def start(run: str = "1", expected: int | None = 10) -> RunStart:
    return RunStart("det", run, expected=expected)


def frame(number: int, run: str = "1") -> Frame:
    return Frame("det", run, number, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))})


def stop(run: str = "1") -> RunStop:
    return RunStop("det", run)


def entered(ledger: Ledger, messages: Iterable[Message | Refusal], now: int = 0) -> list[Message]:
    return [passed for message in messages for passed in ledger.enter(message, now)]


def closed(ledger: Ledger, key: str = "1") -> RunStop:
    numbers = [
        n for n in ledger.runs[key].account.received if n not in ledger.runs[key].account.refused
    ]
    ledger.archived(key, [(n, n) for n in numbers])
    return ledger.close(key, archive=True, time_ns=1)


def test_a_whole_run_is_complete_and_its_sums_close() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, [start(), *(frame(n) for n in range(10)), stop()])
    assert len(passed) == 11
    assert ledger.runs["1"].state == "draining"
    end = closed(ledger)
    assert end.status == "complete"
    assert (end.account["received"], end.account["missing"], end.account["archived"]) == (10, 0, 10)


def test_a_gap_is_listed_by_number() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(), *(frame(n) for n in range(10) if n != 5), stop()])
    account = closed(ledger).account
    assert account["missing"] == 1
    assert account["missing_ranges"] == [(5, 5)]
    assert account["expected"] == account["received"] + account["missing"]


def test_an_early_end_aborts_the_run_and_keeps_what_came() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, [start(), *(frame(n) for n in range(6)), stop()])
    assert sum(isinstance(p, Frame) for p in passed) == 6
    end = closed(ledger)
    assert end.status == "aborted"
    assert end.account["missing_ranges"] == [(6, 9)]


def test_a_second_end_changes_nothing_and_is_counted() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=1), frame(0), stop(), stop()])
    assert ledger.ignored == {"double_end": 1}
    assert closed(ledger).status == "complete"
    entered(ledger, [stop()])
    assert ledger.ignored == {"double_end": 2}


def test_a_double_frame_is_dropped_and_counted() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, [start(expected=2), frame(0), frame(0), frame(1), stop()])
    assert sum(isinstance(p, Frame) for p in passed) == 2
    account = closed(ledger).account
    assert (account["double"], account["refused"], account["refused_frames"]) == (
        1,
        {"double": 1},
        0,
    )


def test_a_late_frame_is_kept_before_and_after_the_end() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, [start(expected=4), frame(1), frame(0), frame(2), stop(), frame(3)])
    assert sum(isinstance(p, Frame) for p in passed) == 4
    end = closed(ledger)
    # the end came before the last frame, so the detector did stop early as far as anyone knew
    assert end.account["late"] == 2
    assert end.account["missing"] == 0


def test_a_start_while_running_aborts_the_old_run() -> None:
    ledger = Ledger("det")
    entered(ledger, [start("1"), frame(0, "1"), start("2"), frame(0, "2")])
    assert (ledger.runs["1"].state, ledger.runs["1"].status) == ("draining", "aborted")
    assert ledger.runs["2"].state == "running"


def test_a_series_id_that_comes_again_is_another_run() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=1), frame(0), stop()])
    closed(ledger)
    passed = entered(ledger, [start(expected=1), frame(0), stop()])
    assert {p.run for p in passed if isinstance(p, RunStart | Frame)} == {"1~2"}
    assert closed(ledger, "1~2").status == "complete"


def test_a_frame_without_a_start_opens_an_orphan_run() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, [frame(3, "9"), frame(4, "9")])
    assert isinstance(passed[0], RunStart)
    assert passed[0].metadata["orphan"] is True
    assert passed[0].shape == (2, 2)
    assert ledger.runs["9"].orphan


def test_a_foreign_frame_is_kept_apart_and_counted_in_the_run_it_disturbed() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=2), frame(0), frame(7, "99"), frame(1), stop()])
    assert ledger.runs["99"].orphan
    assert ledger.last is ledger.runs["1"]
    account = closed(ledger).account
    assert account["refused"] == {"foreign": 1}
    assert account["received"] == 2


def test_strangers_can_not_open_runs_without_end() -> None:
    ledger = Ledger("det")
    entered(ledger, (frame(0, str(n)) for n in range(100)))
    assert len(ledger.runs) <= 4
    assert (
        sum(ledger.strangers.values())
        + sum(run.account.refused_reasons["foreign"] for run in ledger.runs.values())
        >= 96
    )


def test_a_refusal_with_a_number_is_a_refused_frame_not_a_missing_one() -> None:
    ledger = Ledger("det")
    entered(
        ledger, [start(expected=2), frame(0), Refusal("det", "bad_checksum", "", "1", 1), stop()]
    )
    account = closed(ledger).account
    assert (account["received"], account["missing"], account["refused_frames"]) == (2, 0, 1)
    assert account["refused"] == {"bad_checksum": 1}
    assert account["received"] == account["archived"] + account["refused_frames"]


def test_a_refusal_of_nobody_is_counted_where_it_happened() -> None:
    ledger = Ledger("det")
    entered(ledger, [Refusal("det", "bad_json", "")])
    assert ledger.strangers == {"bad_json": 1}
    entered(ledger, [start(), Refusal("det", "bad_json", "")])
    assert ledger.runs["1"].account.refused_reasons == {"bad_json": 1}


def test_an_absurd_number_is_refused() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(), frame(10**12)])
    assert ledger.runs["1"].account.refused_reasons == {"bad_number": 1}
    assert len(ledger.runs["1"].account.received) == 0


def test_more_frames_than_announced_are_kept() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=2), *(frame(n) for n in range(4)), stop()])
    account = closed(ledger).account
    assert (account["announced"], account["expected"], account["missing"]) == (2, 4, 0)


def test_silence_ends_a_run_complete_only_if_everything_came() -> None:
    for came, status in ((2, "complete"), (1, "incomplete")):
        ledger = Ledger("det", end_timeout_ns=5 * SECOND)
        entered(ledger, [start(expected=2), *(frame(n) for n in range(came))])
        ledger.tick(4 * SECOND)
        assert ledger.runs["1"].state == "running"
        ledger.tick(6 * SECOND)
        assert (ledger.runs["1"].state, ledger.runs["1"].status) == ("draining", status)


def test_a_run_whose_sums_do_not_close_is_incomplete() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=2), frame(0), frame(1), stop()])
    ledger.archived("1", [(0, 0)])
    end = ledger.close("1", archive=True, time_ns=1)
    assert end.status == "incomplete"
    assert "does not close" in end.reason


def test_what_the_archive_refuses_and_the_analysis_skips_is_counted_once() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=3), *(frame(n) for n in range(3)), stop()])
    ledger.refused("1", [1, 1], "archive_failed")
    ledger.skipped("1", [2, 2], "backlog_full")
    ledger.processed("1", [0])
    ledger.archived("1", [(0, 0), (2, 2)])
    account = ledger.close("1", archive=True, time_ns=1).account
    assert account["refused"] == {"archive_failed": 1}
    assert account["skipped"] == {"backlog_full": 1}
    assert account["received"] == account["archived"] + account["refused_frames"]


def test_a_good_copy_of_a_refused_frame_takes_its_place() -> None:
    ledger = Ledger("det")
    bad = Refusal("det", "truncated", "", "1", 1)
    passed = entered(ledger, [start(expected=2), frame(0), bad, frame(1), stop()])
    assert sum(isinstance(p, Frame) for p in passed) == 2
    account = closed(ledger).account
    assert (account["received"], account["refused_frames"], account["archived"]) == (2, 0, 2)
    assert account["refused"] == {"truncated": 1}


def test_an_orphan_misses_only_what_lies_between_its_frames() -> None:
    ledger = Ledger("det")
    entered(ledger, [frame(1_000_000, "9"), frame(1_000_002, "9"), stop("9")])
    end = closed(ledger, "9")
    assert end.status == "incomplete"
    assert "never received" in end.reason
    assert end.account["missing_ranges"] == [(1_000_001, 1_000_001)]
    assert end.account["expected"] == end.account["received"] + end.account["missing"] == 3


def test_a_flood_of_starts_opens_one_run() -> None:
    ledger = Ledger("det")
    passed = entered(ledger, (start(str(n)) for n in range(1000)))
    assert len(ledger.runs) == 1
    assert ledger.ignored == {"start_without_frames": 999}
    assert sum(isinstance(p, RunStop) for p in passed) == 999
    entered(ledger, [start("good", 1), frame(0, "good"), stop("good")])
    assert closed(ledger, "good").status == "complete"


def test_many_short_runs_that_still_drain_lose_nothing() -> None:
    ledger = Ledger("det")
    for n in range(20):
        passed = entered(ledger, [start(str(n), 1), frame(0, str(n)), stop(str(n))])
        assert sum(isinstance(p, Frame) for p in passed) == 1
    assert not ledger.strangers
    assert not ledger.crowded
    for n in range(20, 64):
        entered(ledger, [start(str(n), 1), frame(0, str(n)), stop(str(n))])
    assert ledger.crowded


def test_orphans_do_not_stand_in_the_way_of_a_real_run() -> None:
    ledger = Ledger("det")
    entered(ledger, (frame(0, f"stray{n}") for n in range(50)))
    entered(ledger, [start("good", 1), frame(0, "good"), stop("good")])
    assert closed(ledger, "good").status == "complete"


def test_a_run_that_outlived_its_ingest_goes_on_under_its_own_key() -> None:
    run = Run(replace(start(), run="1~2"), "1", "running")
    run.account.announced = 10
    run.account.received.add_ranges([(0, 4)])
    ledger = Ledger("det")
    ledger.restore(run)
    passed = entered(ledger, [frame(4), *(frame(n) for n in range(5, 10)), stop()])
    assert [p.run for p in passed] == ["1~2"] * 5
    end = closed(ledger, "1~2")
    assert (end.status, end.account["received"], end.account["double"]) == ("complete", 10, 1)
    assert [p.run for p in entered(ledger, [start()])] == ["1~3"]


def test_a_frame_has_one_fate() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=3), *(frame(n) for n in range(3)), stop()])
    assert ledger.processed("1", [0, 1]) == 2
    assert ledger.processed("1", [0, 1]) == 0
    assert ledger.skipped("1", [1, 2], "backlog_full") == 1
    assert ledger.processed("1", [2]) == 0
    account = closed(ledger).account
    assert (account["processed"], account["skipped"]) == (2, {"backlog_full": 1})


def test_a_repeated_header_arms_once() -> None:
    ledger = Ledger("det")
    entered(ledger, [start(expected=None), start(expected=5)])
    assert list(ledger.runs) == ["1"]
    assert ledger.runs["1"].account.announced == 5

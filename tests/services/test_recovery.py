from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from beamside.services import recovery
from beamside.stream import wire
from beamside.stream.messages import Frame, Pixels, Result, RunStart, RunStop
from beamside.stream.spool import RunSpool, SpoolRoot, note, of_frame, of_message


def frame(number: int) -> Frame:
    return Frame("det", "1", number, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))})


def begun(root: SpoolRoot, stem: str = "run", frames: int = 5) -> RunSpool:
    spool = root.create(stem)
    head, pieces = of_message(RunStart("det", "1", expected=10))
    spool.log.append({**head, "series": "1", "orphan": False}, pieces)
    for n in range(frames):
        spool.frames.append(*of_frame(frame(n)))
    return spool


@pytest.fixture
def root(tmp_path: Path) -> SpoolRoot:
    return SpoolRoot(tmp_path / "spool" / "mine")


def found(root: SpoolRoot) -> recovery.Leftover:
    (only,) = recovery.leftovers(root, pytest.fail)
    return only


def test_an_open_run_is_found_with_all_its_frames(root: SpoolRoot) -> None:
    begun(root).close()
    run = found(root).run
    assert (run.start.run, run.series, run.state) == ("1", "1", "running")
    assert run.account.received.ranges() == [(0, 4)]
    assert run.account.announced == 10


def test_what_became_of_its_frames_is_known(root: SpoolRoot) -> None:
    spool = begun(root)
    parts = wire.encode(Result("det", "1", (0, 1), "sum", xr.Dataset()))
    result = {"kind": "result", "parts": 1, "frames": [0, 1], "error": None, "failure": None}
    spool.log.append(result, parts)
    spool.log.append(*note("skipped", ranges=[(2, 2)], reason="backlog_full"))
    spool.log.append(*note("refused", ranges=[(7, 8)]))
    spool.log.append(*note("counts", double=3, late=1, refused_reasons={"double": 3}))
    spool.close()
    left = found(root)
    account = left.run.account
    assert account.processed.ranges() == [(0, 1)]
    assert dict(account.skipped_reasons) == {"backlog_full": 1}
    assert account.refused.ranges() == [(7, 8)]
    assert (account.double, account.late) == (3, 1)
    assert left.unseen == [3, 4]


def test_frames_that_the_spool_has_forgotten_are_known_as_archived(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.log.append(*note("archived", ranges=[(5, 9)]))
    spool.close()
    account = found(root).run.account
    assert account.received.ranges() == [(0, 9)]
    assert account.archived.ranges() == [(5, 9)]


def test_a_run_whose_end_came_drains(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.log.append(*note("end", status="complete", reason="the detector ended the series"))
    spool.close()
    assert (found(root).run.state, found(root).run.status) == ("draining", "complete")


def test_a_run_whose_account_was_closed_only_wants_its_archive(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.log.append(*of_message(RunStop("det", "1", "complete", account={"received": 5})))
    spool.close()
    stop = found(root).stop
    assert stop is not None
    assert stop.account["received"] == 5


def test_a_torn_tail_costs_the_half_record_only(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.close()
    file = spool.path / "frames-000000.bslog"
    file.write_bytes(file.read_bytes()[:-3])
    left = found(root)
    assert left.run.account.received.ranges() == [(0, 3)]
    assert left.spooled.files.torn > 0


def test_an_empty_spool_is_nobodys_business(root: SpoolRoot) -> None:
    root.create("empty").close()
    assert list(recovery.leftovers(root, pytest.fail)) == []


def test_a_spool_without_a_start_stays_and_somebody_is_told_how_to_read_it(
    root: SpoolRoot,
) -> None:
    spool = begun(root)
    spool.close()
    flip(spool.path / "log-000000.bslog", 60)
    told: list[str] = []
    assert list(recovery.leftovers(root, told.append)) == []
    assert f"beamside replay {spool.path}" in told[0]
    assert (spool.path / "frames-000000.bslog").exists()


def test_a_spool_that_is_kept_for_replay_is_not_taken_up_again(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.close()
    (spool.path / "archived").touch()
    assert list(recovery.leftovers(root, pytest.fail)) == []


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 4
    file.write_bytes(data)


def test_a_flipped_bit_costs_its_own_frame_and_is_told(root: SpoolRoot) -> None:
    spool = begun(root, frames=8)
    parts = wire.encode(Result("det", "1", (3,), "sum", xr.Dataset()))
    result = {"kind": "result", "parts": 1, "frames": [3], "error": None, "failure": None}
    spool.log.append(result, parts)
    spool.close()
    file = spool.path / "frames-000000.bslog"
    flip(file, file.read_bytes().index(b'"number":3'))
    left = found(root)
    account = left.run.account
    assert sorted(left.places) == [0, 1, 2, 4, 5, 6, 7]
    assert "frames-000000.bslog at" in left.damaged[0]
    assert left.spooled.damaged
    assert account.refused.ranges() == [(3, 3)]  # it was answered for, so it had come
    assert len(account.processed) <= len(account.received) == 8


def test_only_services_that_are_gone_are_taken_over(root: SpoolRoot) -> None:
    alive = SpoolRoot(root.path.parent / "alive")
    gone = SpoolRoot(root.path.parent / "gone")
    gone.close()
    assert [r.path for r in recovery.abandoned(root, [root.path])] == [gone.path]
    alive.close()


def test_spools_that_are_kept_count_with_their_bytes(root: SpoolRoot) -> None:
    spool = begun(root)
    spool.close()
    assert list(recovery.kept(root)) == []
    (spool.path / "archived").touch()
    (kept,) = recovery.kept(root)
    assert kept.nbytes == spool.nbytes

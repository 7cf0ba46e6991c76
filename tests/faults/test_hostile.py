"""What strangers send does no harm: a little for every decoder; `make hostile` has the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamside.tests.faults import mutate, seeds, spools, targets
from beamside.tests.faults.watch import Watch
from beamside.tests.stream.hostile import corpus

DECODERS = ("dectris", "stream2", "beamside")
MANY = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize("wire", seeds.WIRES)
def test_mutants_do_no_harm(wire: str) -> None:
    for number in range(400):
        targets.TARGETS[wire](mutate.join(mutate.mutant(wire, 2, number)))


@pytest.mark.parametrize("wire", DECODERS)
def test_the_whole_corpus_does_no_harm(wire: str) -> None:
    for parts in corpus().values():
        targets.TARGETS[wire](mutate.join([parts]))


@pytest.mark.parametrize("wire", [*DECODERS, "pixels"])
def test_good_messages_are_let_pass(wire: str) -> None:
    for talk in seeds.conversations(wire):
        told = targets.TARGETS[wire](mutate.join(talk))
        assert set(told) == {"accepted"}, told


@pytest.mark.parametrize("wire", seeds.WIRES)
@given(data=st.binary(max_size=300))
@MANY
def test_any_bytes_do_no_harm(wire: str, data: bytes) -> None:
    targets.TARGETS[wire](data)


@pytest.mark.parametrize("wire", [*DECODERS, "pixels"])
@given(data=st.data())
@MANY
def test_good_messages_with_any_bytes_in_them_do_no_harm(wire: str, data: st.DataObject) -> None:
    flat = mutate.join(data.draw(st.sampled_from(seeds.conversations(wire))))
    at = data.draw(st.integers(0, len(flat)))
    gone = data.draw(st.integers(0, 20))
    targets.TARGETS[wire](flat[:at] + data.draw(st.binary(max_size=20)) + flat[at + gone :])


def test_a_mutant_is_the_same_whoever_makes_it_and_after_whatever() -> None:
    code = (
        "import hashlib, sys; from beamside.tests.faults import mutate\n"
        "print(hashlib.sha256(mutate.join(mutate.mutant('stream2', 5, 123))).hexdigest())"
    )
    here = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    )
    for number in (7, 123, 9):
        made = mutate.join(mutate.mutant("stream2", 5, number))
        if number == 123:
            import hashlib

            assert hashlib.sha256(made).hexdigest() == here.stdout.strip()


def test_a_good_log_is_read_to_its_end() -> None:
    for records in spools.good_logs():
        told = targets.spool(mutate.join([[b"".join(records)]]))
        assert told["accepted"] == len(records)
        assert not told["spool_damaged"]


@given(talk=st.lists(st.lists(st.binary(max_size=9), max_size=4), min_size=1, max_size=4))
@settings(derandomize=True)
def test_a_conversation_laid_flat_is_the_same_again(talk: list[list[bytes]]) -> None:
    assert mutate.split(mutate.join(talk)) == talk


@pytest.mark.slow
@pytest.mark.parametrize("suffix", seeds.SUFFIXES)
def test_spoilt_files_do_no_harm(tmp_path: Path, suffix: str) -> None:
    verdict = Watch(suffix[1:], 3, 0, 25, tmp_path).run()
    assert verdict.survived == verdict.tried == 25, verdict.failures
    assert sum(verdict.told.values()) == 25


def test_a_case_that_ends_its_process_is_kept_and_the_next_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'pixels' in sys.argv:\n"
        "    import beamside.tests.faults.targets as t, itertools\n"
        "    n = itertools.count()\n"
        "    real = t.TARGETS['pixels']\n"
        "    t.TARGETS['pixels'] = lambda d: os.abort() if next(n) == 3 else real(d)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    verdict = Watch("pixels", 1, 0, 6, tmp_path / "kept").run()
    assert verdict.tried == 6
    assert verdict.survived == 5
    assert "pixels-1-3: died: SIGABRT" in verdict.failures[0]
    assert (tmp_path / "kept" / "pixels-1-3.case").read_bytes() == mutate.join(
        mutate.mutant("pixels", 1, 3)
    )
    assert "--case" in (tmp_path / "kept" / "pixels-1-3.txt").read_text()


def test_the_harness_ends_with_one_line_of_json(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "beamside.tests.faults.hostile", "--messages", "60",
         "--only", "dectris,pixels", "--kept", str(tmp_path)],
        capture_output=True, text=True, timeout=55, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert (said["harness"], said["lost"]) == ("hostile", 0)
    assert said["tried"] == said["survived"] == 120
    assert said["refused"]

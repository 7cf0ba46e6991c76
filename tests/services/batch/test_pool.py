"""Workers that die, and batches that stop."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from beamside.services.batch.pool import Pool, WorkersError

LIVES = """
import json, os, signal, sys
for line in sys.stdin:
    job = json.loads(line)
    if job["do"] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdout.write(json.dumps({"id": job["id"], "error": None, "broken": False}) + "\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers that answer at once, or die."""
    script = tmp_path / "worker.py"
    script.write_text(LIVES)
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        del command
        return start([sys.executable, str(script)], **options)  # type: ignore[call-overload]

    monkeypatch.setattr("beamside.services.batch.pool.subprocess.Popen", popen)


def test_a_worker_that_dies_costs_its_own_frame(simple: None) -> None:
    jobs = [{"id": n, "do": "die" if n == 2 else "live"} for n in range(6)]
    with Pool("hrtem", 2) as pool:
        answers = {answer["id"]: answer for answer in pool.run(jobs)}
    assert sorted(answers) == list(range(6))
    assert "signal 9" in answers[2]["error"]
    assert all(answers[n]["error"] is None for n in (0, 1, 3, 4, 5))


def test_workers_that_always_die_end_the_batch(simple: None) -> None:
    jobs = [{"id": n, "do": "die"} for n in range(20)]
    with Pool("hrtem", 1) as pool, pytest.raises(WorkersError, match="fewer --workers"):
        list(pool.run(jobs))


def test_no_job_is_begun_after_a_stop(simple: None) -> None:
    given: list[int] = []

    def jobs() -> object:
        for n in range(100):
            given.append(n)
            yield {"id": n, "do": "live"}

    done: list[int] = []
    with Pool("hrtem", 2) as pool:
        for answer in pool.run(jobs(), lambda: len(done) >= 4):  # type: ignore[arg-type]
            done.append(answer["id"])
    assert sorted(done) == sorted(given)
    assert len(given) < 10


def test_a_worker_ends_with_its_batch() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "beamside.services.batch.worker", "hrtem"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdin is not None
    worker.stdin.close()
    end = time.monotonic() + 30
    while worker.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert worker.poll() == 0
    assert worker.stdout is not None
    worker.stdout.close()


def test_no_worker_is_started_without_a_job_for_it(simple: None) -> None:
    with Pool("hrtem", 4) as pool:
        assert len(list(pool.run([{"id": 0, "do": "live"}]))) == 1
        assert len(pool._hands) == 1

from __future__ import annotations

import importlib.util
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  the filter is registered by the import
import numpy as np
import pytest

from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, Message, RunStart, RunStop
from beamside.stream.sinks import ZmqSink

pytestmark = pytest.mark.timeout(120)
SHAPE = (36, 52)


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    file = Path(__file__).parents[1] / "stream" / "hostile.py"
    spec = importlib.util.spec_from_file_location("hostile_corpus", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def image(n: int) -> np.ndarray:
    return np.random.default_rng(n).poisson(3.0, SHAPE).astype("<u2")


def start(run: str, expected: int) -> RunStart:
    return RunStart("x", run, expected=expected, shape=SHAPE, dtype="<u2")


def frame(run: str, n: int) -> Frame:
    return Frame("x", run, n, {"data": encode(image(n))})


def run_of(run: str, frames: int) -> list[Message]:
    numbered = [frame(run, n) for n in range(frames)]
    return [start(run, frames), *numbered, RunStop("x", run)]


def test_the_service_survives_the_corpus_and_loses_no_good_frame(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    hostile: ModuleType,
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    corpus = [parts for parts in hostile.corpus().values() if parts]
    rng = random.Random(3)  # noqa: S311  reproducible, not secret
    detector.send(start("1", 60))
    for n in range(60):
        for parts in rng.sample(corpus, 4):
            detector.send_parts(parts)
        assert detector.send(frame("1", n))
    detector.send(RunStop("x", "1"))
    said = service.end(60)
    good = next(run for run in said["runs"] if run["run"] == "1")
    assert said["code"] == 0
    assert (good["received"], good["archived"], good["missing"]) == (60, 60, 0)
    assert sum(said["refused"].values()) >= 200
    assert len(said["refused"]) > 5
    with h5py.File(good["archive"]) as file:
        archived = file["entry/instrument/eiger/data"]
        assert all((archived[n] == image(n)).all() for n in range(60))


def test_every_wrong_frame_is_listed_under_its_own_reason(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    cut = frame("1", 4)
    pixels = cut.channels["data"]
    short = Frame("x", "1", 4, {"data": pixels.__class__(SHAPE, "<u2", "bslz4", pixels.data[:60])})
    sent: list[Message] = [
        start("1", 8),
        frame("1", 0),
        frame("1", 2),
        frame("1", 1),  # late
        frame("1", 1),  # double
        short,  # truncated
        frame("77", 5),  # foreign
        frame("1", 5),  # 3 is missing
        frame("1", 6),
        frame("1", 7),
        RunStop("x", "1"),
        RunStop("x", "1"),  # double end
    ]
    for message in sent:
        assert detector.send(message)
    said = service.end(60)
    (run,) = [run for run in said["runs"] if run["run"] == "1"]
    assert run["missing_ranges"] == [[3, 3]]
    assert run["refused"] == {"double": 1, "truncated": 1, "foreign": 1}
    assert run["expected"] == run["received"] + run["missing"] == 8
    assert run["received"] == run["archived"] + run["refused_frames"] == 7
    assert said["ignored"]["double_end"] == 1


def test_a_run_without_an_end_is_closed_as_incomplete(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    for message in run_of("1", 5)[:-2]:
        detector.send(message)
    said = service.end(60)
    assert (said["status"], said["archived"], said["missing"]) == ("incomplete", 4, 1)


def test_a_worker_that_is_killed_loses_no_frame(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    messages = run_of("1", 40)
    for message in messages[:20]:
        detector.send(message)
    service.kill("processor")
    for message in messages[20:]:
        detector.send(message)
    said = service.end(60)
    assert (said["status"], said["archived"], said["processed"]) == ("complete", 40, 40)
    assert any("processor-0 died (signal 9)" in alarm for alarm in said["alarms"])


def archived_frames(file: str) -> dict[int, np.ndarray]:
    """The frames of an archive, by number."""
    with h5py.File(file) as opened:
        data = opened["entry/instrument/eiger/data"]
        valid = opened["entry/frames/frame_valid"][...]
        return {int(n): data[n] for n in np.flatnonzero(valid)}


@pytest.mark.parametrize("role", ["archiver", "ingest"])
def test_a_process_killed_in_the_middle_and_before_the_end_loses_nothing(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    role: str,
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    messages, sent = run_of("1", 40), 0
    for times, until in enumerate((21, 41), 1):  # with the start of the run, without its end
        for message in messages[sent:until]:
            assert detector.send(message)
        sent = until
        service.wait_for_status(received=sent - 1)
        service.kill(role)
        if role == "ingest":  # what is on its way to it now is lost, and would be listed as missing
            service.wait_for("recovered from the spool", times=times)
    assert detector.send(messages[-1])
    said = service.end(60)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 40)
    held = archived_frames(said["archive"])
    assert sorted(held) == list(range(40))
    assert all((held[n] == image(n)).all() for n in range(40))
    assert said["processed"] == 40
    assert any(f"{role} died (signal 9)" in alarm for alarm in said["alarms"])


def test_a_killed_ingest_goes_on_where_nothing_is_archived(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink
) -> None:
    options = ("--runs", "1", "--json", "--set", "archive.enabled=false")
    service = command("run", str(instrument()), *options)
    service.wait_for("ready")
    messages = run_of("1", 20)
    for message in messages[:11]:
        assert detector.send(message)
    service.wait_for_status(received=10)
    service.kill("ingest")
    service.wait_for("recovered from the spool")
    for message in messages[11:]:
        assert detector.send(message)
    said = service.end(60)
    assert (said["code"], said["status"], said["processed"]) == (0, "complete", 20)


def test_an_analysis_that_crashes_every_time_costs_no_frame(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    plug_in: Callable[..., None],
) -> None:
    abort = "import os\nclass Crash:\n    def __call__(self, images, calibration): os.abort()\n"
    plug_in("crash", "Crash", abort)
    more = "[service]\ndrain_timeout_s = 25\n"
    service = command("run", str(instrument("crash", more=more)), "--runs", "1", "--json")
    service.wait_for("ready")
    for message in run_of("1", 2):
        assert detector.send(message)
    said = service.end(80)
    assert (said["code"], said["archived"], said["processed"]) == (0, 2, 0)
    assert said["skipped"] == {"crashed_the_analysis": 2}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The archive's folder on a disk of 24 MB, and what makes it larger."""
    disk = tmp_path / "archive"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("a small disk can be mounted only as root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_makes_the_detector_wait_and_loses_nothing(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    small_disk: Path,
) -> None:
    service = command("run", str(instrument()), "--runs", "1", "--json")
    service.wait_for("ready")
    noise = np.random.default_rng(0).integers(0, 65535, (512, 512), dtype="<u2")
    packed = encode(noise)
    detector.send(RunStart("x", "1", expected=60, shape=(512, 512), dtype="<u2"))
    sent = 0
    while sent < 60 and detector.send(Frame("x", "1", sent, {"data": packed}), 1.0):
        sent += 1
    service.wait_for("alarm .*(disk|space)")
    subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
    for n in range(sent, 60):
        assert detector.send(Frame("x", "1", n, {"data": packed}))
    detector.send(RunStop("x", "1"))
    said = service.end(60)
    assert (said["status"], said["archived"], said["missing"]) == ("complete", 60, 0)
    assert sorted(archived_frames(said["archive"])) == list(range(60))


def test_a_wrong_setting_is_one_plain_line(
    command: Callable[..., Any], instrument: Callable[..., Path]
) -> None:
    file = instrument(more="prot = 80\n")
    service = command("run", str(file), "--json")
    assert service.end(20)["code"] == 2
    assert "unknown key 'viewer.prot'; allowed here: enabled, host, port" in "".join(service.lines)
    assert "Traceback" not in "".join(service.lines)

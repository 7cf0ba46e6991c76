"""What goes wrong at a beamline, one fault a test: the archive has every frame all the same."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, Message, RunStart, RunStop
from beamside.stream.sinks import ZmqSink
from beamside.stream.urls import parse_url
from beamside.tests.faults.images import image
from beamside.tests.faults.kept import Archived, read_archive
from beamside.tests.faults.service import Service

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]
SIZE = 64
SUM = '[analysis]\nname = "sum"\npolicy = "wait"\n'
NO_PAGE = "[viewer]\nenabled = false\n"
SMALL = "[archive]\nsegment_frames = 20\n[spool]\nsegment_mb = 0.2\n"

Start = Callable[..., Service]


@pytest.fixture
def service() -> Iterator[Start]:
    """A service whose source binds an ipc socket; `options` go to its command line."""
    made: list[Service] = []

    def start(settings: str = SUM + NO_PAGE, *options: str, url: str = "") -> Service:
        url = url or "dectris+ipc://{folder}/detector?bind=1"
        made.append(Service(url, settings, end_timeout_s=20))
        made[-1].start(*(options or ("--runs", "1"))).wait_ready()
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def detector() -> Iterator[Callable[[Service], ZmqSink]]:
    """A sender that connects to a service."""
    made: list[ZmqSink] = []

    def connect(to: Service) -> ZmqSink:
        made.append(ZmqSink(parse_url(f"dectris+ipc://{to.folder}/detector?bind=0")))
        return made[-1]

    yield connect
    for one in made:
        one.close(0)


Detect = Callable[[Service], ZmqSink]


@pytest.fixture
def slow(plug_in: Callable[..., None]) -> Callable[[float], str]:
    """Install an analysis that takes so many seconds a frame; give the settings that name it."""

    def install(seconds: float) -> str:
        plug_in(
            "sloth",
            "Sloth",
            "import time\nimport numpy as np\nimport xarray as xr\n"
            "class Sloth:\n"
            "    def __call__(self, images, calibration):\n"
            f"        time.sleep({seconds} * len(images))\n"
            "        return xr.Dataset({'s': ('frame', np.zeros(len(images)))})\n",
        )
        return '[analysis]\nname = "sloth"\n'

    return install


def start(series: int, expected: int | None, size: int = SIZE) -> RunStart:
    return RunStart("x", str(series), expected=expected, shape=(size, size), dtype="<u2")


def frames(series: int, first: int, stop: int, size: int = SIZE) -> list[Message]:
    return [
        Frame("x", str(series), n, {"data": encode(image(series, n, size))})
        for n in range(first, stop)
    ]


def run_of(series: int, count: int, size: int = SIZE) -> list[Message]:
    stop = RunStop("x", str(series))
    return [start(series, count, size), *frames(series, 0, count, size), stop]


def send(sink: ZmqSink, messages: list[Message]) -> None:
    for message in messages:
        assert sink.send(message, 20)


def send_until_it_waits(sink: ZmqSink, messages: list[Message]) -> list[Message]:
    """Send until nobody takes any more, for longer than any turn takes; give what is left."""
    for n, message in enumerate(messages):
        if not sink.send(message, 1.5):
            return messages[n:]
    raise AssertionError("it took everything")


def archived(service: Service, size: int = SIZE) -> dict[str, Archived]:
    """Every archive by its run, all pixels compared."""
    read = [read_archive(m, lambda series, n: image(series, n, size)) for m in service.masters]
    for archive in read:
        assert (archive.wrong, archive.twice, archive.sums) == ([], [], [])
    return {archive.run: archive for archive in read}


def whole(service: Service, run: str, count: int, size: int = SIZE) -> None:
    """Every frame of a run is in its archive, once, with the pixels that were sent."""
    assert archived(service, size)[run].numbers == set(range(count))


def alarm(service: Service, words: str) -> None:
    """Wait until people are told so."""
    life = service.life
    life.wait(lambda: any(words in said for said in life.status.get("alarms", ())), words, 20)


def received(service: Service, count: int, key: str = "received") -> None:
    """Wait until the account of the current run says so many."""
    life = service.life
    said = f"{count} {key}"
    life.wait(lambda: life.status.get("account", {}).get(key, 0) >= count, said, 20)


# the disk


def test_a_full_disk_makes_the_detector_wait_until_there_is_room(
    service: Start, detector: Detect, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted only as root")
    try:
        (disk / "filler").write_bytes(bytes(57 << 20))
        settings = SUM + NO_PAGE + SMALL + "keep_free_mb = 0\n"
        places = ("--archive", str(disk), "--set", f"spool.folder={disk}/spool")
        one = service(settings, "--runs", "1", *places)
        sink = detector(one)
        rest = send_until_it_waits(sink, run_of(1, 300, 256))
        alarm(one, "No space left")
        (disk / "filler").unlink()
        send(sink, rest)
        said = one.life.end()
        run = read_archive(Path(said["archive"]), lambda series, n: image(series, n, 256))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    assert (said["status"], said["received"], said["archived"]) == ("complete", 300, 300)
    assert (run.numbers, run.wrong, run.sums) == (set(range(300)), [], [])


def test_a_slow_disk_is_taken_up_by_the_spool_with_alarms(service: Start, detector: Detect) -> None:
    one = service(SUM + NO_PAGE + SMALL + "budget_gb = 0.001\n")
    sink = detector(one)
    archiver = one.life.processes()["archiver"]
    os.kill(archiver, signal.SIGSTOP)
    rest = send_until_it_waits(sink, run_of(1, 900))
    alarm(one, "the spool is more than 95% full")
    os.kill(archiver, signal.SIGCONT)
    send(sink, rest)
    said = one.life.end()
    assert (said["status"], said["archived"], said["missing"]) == ("complete", 900, 0)
    whole(one, "1", 900)


def test_a_spool_that_is_deleted_is_put_back_and_said(service: Start, detector: Detect) -> None:
    one = service(SUM + NO_PAGE, "--runs", "2")
    sink = detector(one)
    archiver = one.life.processes()["archiver"]
    os.kill(archiver, signal.SIGSTOP)  # nothing of it is archived yet
    send(sink, run_of(1, 60)[:41])
    received(one, 40)
    shutil.rmtree(one.spool)
    alarm(one, "run 1: its spool was deleted")
    os.kill(archiver, signal.SIGCONT)
    send(sink, run_of(1, 60)[41:])
    send(sink, run_of(2, 30))
    said = one.life.end()
    assert (said["status"], said["archived"], said["missing"]) == ("complete", 90, 0)
    assert said["refused"] == {}
    whole(one, "1", 60)
    whole(one, "2", 30)


# the clock


def test_a_clock_that_is_set_back_by_a_day_changes_no_account(
    service: Start, detector: Detect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "yesterday"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, time\n"
        "_ns, _s = time.time_ns, time.time\n"
        f"_day = lambda: 86400 * os.path.exists({str(flag)!r})\n"
        "time.time_ns = lambda: _ns() - _day() * 10**9\n"
        "time.time = lambda: _s() - _day()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = service(SUM + NO_PAGE, "--runs", "2")
    sink = detector(one)
    send(sink, run_of(1, 40)[:21])
    received(one, 20)
    flag.touch()
    send(sink, run_of(1, 40)[21:])
    send(sink, run_of(2, 20))
    said = one.life.end()
    assert said["status"] == "complete"
    assert (said["received"], said["archived"], said["processed"]) == (60, 60, 60)
    assert said["latency_ms"]["p50"] >= 0
    whole(one, "1", 40)
    whole(one, "2", 20)


# senders


def test_a_sender_that_starts_again_with_the_same_series_overwrites_nothing(
    service: Start, detector: Detect
) -> None:
    one = service(SUM + NO_PAGE, "--runs", "2")
    first, second = detector(one), detector(one)
    send(first, run_of(1, 20)[:11])
    received(one, 10)
    first.close(0)
    send(second, run_of(1, 20))
    said = one.life.end()
    runs = {run["run"]: run for run in said["runs"]}
    assert (runs["1"]["status"], runs["1"]["archived"], runs["1"]["missing"]) == ("aborted", 10, 10)
    assert (runs["1~2"]["status"], runs["1~2"]["archived"]) == ("complete", 20)
    whole(one, "1", 10)
    whole(one, "1~2", 20)


def test_two_senders_of_one_series_give_each_frame_once(service: Start, detector: Detect) -> None:
    one = service()
    left, right = detector(one), detector(one)
    send(left, [start(1, 30)])
    send(left, frames(1, 0, 10))
    received(one, 10)
    for message in frames(1, 0, 30):
        send(right, [message])
        send(left, [message])
    received(one, 30)
    received(one, 40, "double")
    send(left, [RunStop("x", "1")])
    send(right, [RunStop("x", "1")])
    said = one.life.end()
    (run,) = said["runs"]
    assert (run["status"], run["received"], run["archived"]) == ("complete", 30, 30)
    assert run["refused"] == {"double": 40}
    whole(one, "1", 30)


def test_garbage_on_every_port_costs_no_frame(service: Start) -> None:
    source, bus, page = free_ports(3)
    settings = SUM + f"[viewer]\nport = {page}\n"
    environment = {"BEAMSIDE_BUS__RESULTS": f"tcp://127.0.0.1:{bus}"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(environment.items())))
        one = service(settings, url=f"dectris+tcp://127.0.0.1:{source}?bind=1")
    sink = ZmqSink(parse_url(f"dectris+tcp://127.0.0.1:{source}?bind=0"))
    messages = run_of(1, 40)
    send(sink, messages[:21])
    for port in (source, bus, page):
        throw_garbage(port)
    send(sink, messages[21:])
    said = one.life.end()
    sink.close(0)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 40)
    assert not any("died" in words for words in said["alarms"])
    whole(one, "1", 40)


def free_ports(count: int) -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


def throw_garbage(port: int) -> None:
    noise = np.random.default_rng(port).bytes(50_000)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    endless = greeting[:64] + b"\x02\xff\xff\xff\xff\xff\xff\xff\xff" + noise
    for said in (b"", noise, greeting[:11], endless, b"GET / HTTP/1.1\r\n" * 50, b"\x16\x03\x01"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
            try:
                stranger.sendall(said)
                stranger.shutdown(socket.SHUT_WR)
            except OSError:
                continue  # it was shown the door


# slow readers


def test_a_slow_analysis_with_newest_skips_by_number_and_the_archive_is_complete(
    service: Start, detector: Detect, slow: Callable[[float], str]
) -> None:
    settings = slow(0.05) + 'policy = "newest"\nbacklog = 4\n' + NO_PAGE
    one = service(settings)
    send(detector(one), run_of(1, 150))
    said = one.life.end()
    run = archived(one)["1"]
    skipped = run.account["skipped_ranges"]
    assert run.numbers == set(range(150))
    assert said["skipped"].keys() == {"backlog_full"}
    assert sum(last - first + 1 for first, last in skipped) == said["skipped"]["backlog_full"] > 50
    assert said["processed"] + said["skipped"]["backlog_full"] == 150


def test_an_analysis_that_stalls_is_cut_and_the_run_goes_on(
    service: Start, detector: Detect, slow: Callable[[float], str]
) -> None:
    waits = 'policy = "wait"\nbacklog = 8\nstall_timeout_s = 0.5\n'
    one = service(slow(0.5) + waits + NO_PAGE + "[service]\ndrain_timeout_s = 2\n")
    send(detector(one), run_of(1, 60))
    said = one.life.end()
    assert (said["status"], said["archived"]) == ("complete", 60)
    assert said["skipped"]["stalled"] >= 8
    assert said["processed"] + sum(said["skipped"].values()) == 60
    assert any("the analysis made the detector wait" in words for words in said["alarms"])
    whole(one, "1", 60)


def test_a_stuck_page_holds_up_nothing(service: Start, detector: Detect) -> None:
    one = service(SUM)
    viewer = one.life.processes()["viewer"]
    os.kill(viewer, signal.SIGSTOP)
    try:
        send(detector(one), run_of(1, 300))
        one.life.wait(lambda: "1" in one.life.ear.closed, "closed the run", 30)
    finally:
        os.kill(viewer, signal.SIGCONT)
    said = one.life.end()
    assert (said["status"], said["archived"], said["processed"]) == ("complete", 300, 300)
    whole(one, "1", 300)


# deaths


def test_frames_in_the_hands_of_a_dead_worker_are_given_to_another(
    service: Start, detector: Detect, slow: Callable[[float], str]
) -> None:
    settings = slow(0.02) + 'policy = "wait"\nbatch_size = 8\nworkers = 2\nbacklog = 200\n'
    one = service(settings + NO_PAGE)
    send(detector(one), run_of(1, 120))
    received(one, 16, "processed")
    assert one.life.kill("processor")
    said = one.life.end()
    assert (said["status"], said["archived"], said["processed"]) == ("complete", 120, 120)
    assert said["skipped"] == {}
    assert analysed(one.masters[0], "sloth") == list(range(120))


def analysed(master: Path, analysis: str) -> list[int]:
    from beamside.stream.nexus import read_result

    return sorted(int(n) for n in read_result(master, analysis)["frame"].values)


def test_a_crash_of_everything_is_recovered_at_the_next_start_and_said(
    service: Start, detector: Detect
) -> None:
    one = service(SUM + NO_PAGE, "--runs", "5")
    sink = detector(one)
    send(sink, run_of(1, 50)[:31])
    received(one, 30)
    one.life.kill_all()
    life = one.start()
    life.wait_ready()
    alarm(one, "run 1: 30 frames were recovered from the spool")
    send(sink, run_of(1, 50)[31:])
    life.wait(lambda: "1" in life.ear.closed, "closed the run", 20)
    again = life.stop()
    assert (again["status"], again["received"], again["archived"]) == ("complete", 50, 50)
    assert not one.spools
    whole(one, "1", 50)

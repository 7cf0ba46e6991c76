"""The running service under siege: strangers and one good detector on the same port."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from beamside.stream import dectris, stream2
from beamside.stream import wire as bus
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.reception import Reception

from . import mutate
from .garbage import Shouting, ports_of
from .images import image
from .processes import memory
from .service import Service, say

GOOD = 987_654_321
"""The series of the good detector, which no mutant has."""
SIZE = 64
NAME = "eiger"
"""Of the source, as `Service` sets it."""
SEND_S = 60
"""The service takes a message within this time, or it hangs."""
GROWTH_MB = 96.0
"""Memory that a process may gain while it is besieged, after its first quarter."""
SETTINGS = """
[analysis]
name = "sum"
policy = "newest"
[viewer]
enabled = true
"""


@dataclass(slots=True)
class Siege:
    """What became of it."""

    tried: int = 0
    """Multiparts that strangers sent, and connections that were only garbage."""
    survived: int = 0
    lost: int = 0
    """Good frames that are not in the archive, or not as they were sent."""
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def besiege(wire: str, seed: int, messages: int, frames: int) -> Siege:
    """Send mutants before and beside `frames` good ones, and garbage to every port meanwhile."""
    port, results = _free_port(), _free_port()
    service = Service(f"{wire}+tcp://127.0.0.1:{port}?bind=1", SETTINGS)
    service.bus = f"tcp://127.0.0.1:{results}"
    siege = Siege()
    try:
        life = service.start("--set", f"bus.results={service.bus}")
        life.wait_ready()
        ports = ports_of([life.pid, *life.processes().values()])
        if not {port, results} < set(ports):
            siege.failures.append(f"listening on {ports}, not on {port}, {results} and a page")
        _attack(siege, life, ports, Plan(wire, port, seed, messages, frames))
        _page_answers(siege, [p for p in ports if p not in (port, results)])
        _judge(siege, life, frames)
    except Exception as error:  # the harness reports, whatever happened
        siege.failures.append(f"{type(error).__name__}: {error}"[-3000:])
    finally:
        service.close(keep=bool(siege.failures))
    siege.survived = 0 if siege.failures else siege.tried
    if siege.failures:
        siege.lost = siege.lost or frames
    return siege


@dataclass(frozen=True, slots=True)
class Plan:
    """Who sends what and where."""

    wire: str
    port: int
    seed: int
    messages: int
    frames: int


def _attack(siege: Siege, life: Any, ports: list[int], plan: Plan) -> None:
    before = life.processes()
    shouting, scales = Shouting(ports, plan.seed), Scales(before)
    shouting.start()
    scales.start()
    try:
        with zmq.Context() as context:
            stranger, good = (_peer(context, plan.port) for _ in range(2))
            sent = _strangers(stranger, plan, range(plan.messages // 10), starts=True)
            _until_quiet(life)
            sent += _beside(stranger, good, plan)
            stranger.close(1000)
            good.close(SEND_S * 1000)
    finally:
        scales.end()
        shouting.end()
    siege.tried = sent + shouting.shouted
    siege.failures += [f"{name} grew by {mb:.0f} MB" for name, mb in scales.grown().items()]
    if life.processes() != before:
        siege.failures.append(f"processes died: {before} became {life.processes()}")


def _strangers(stranger: zmq.Socket[bytes], plan: Plan, numbers: range, *, starts: bool) -> int:
    """Send some mutants; without `starts`, none that would end the run of the good detector."""
    sent = 0
    for number in numbers:
        for parts in mutate.mutant(plan.wire, plan.seed, number):
            told = Reception(plan.wire, "x", verify=True).decode(parts)
            begins = not told or any(isinstance(message, RunStart) for message in told)
            if not parts or (begins and not starts):
                continue
            stranger.send_multipart(parts, copy=False)
            sent += 1
    return sent


def _beside(stranger: zmq.Socket[bytes], good: zmq.Socket[bytes], plan: Plan) -> int:
    """Send the good run, and between its frames the mutants that are left."""
    encode_message = _encoder(plan.wire)
    run, shape, frames = str(GOOD), (SIZE, SIZE), plan.frames
    start = RunStart(NAME, run, expected=frames, shape=shape, dtype="<u2", time_ns=time.time_ns())
    _say(good, encode_message(start))
    first, sent = plan.messages // 10, 0
    for n in range(frames):
        share = [first + (plan.messages - first) * m // frames for m in (n, n + 1)]
        sent += _strangers(stranger, plan, range(*share), starts=False)
        pixels = encode(image(GOOD, n, SIZE))
        frame = Frame(NAME, run, n, {"data": pixels}, detector_ns=time.time_ns())
        _say(good, encode_message(frame))
    _say(good, encode_message(RunStop(NAME, run)))
    return sent


def _encoder(wire: str) -> Callable[[Any], Sequence[Sequence[Any]]]:
    if wire == "dectris":
        return dectris.Encoder().encode
    if wire == "stream2":
        return stream2.Encoder().encode
    return lambda message: [bus.encode(message)]


def _say(good: zmq.Socket[bytes], multiparts: Sequence[Sequence[Any]]) -> None:
    for parts in multiparts:
        good.send_multipart(parts)


def _peer(context: zmq.Context[Any], port: int) -> zmq.Socket[bytes]:
    peer: zmq.Socket[bytes] = context.socket(zmq.PUSH)
    peer.setsockopt(zmq.SNDTIMEO, SEND_S * 1000)
    peer.setsockopt(zmq.IMMEDIATE, 1)
    peer.connect(f"tcp://127.0.0.1:{port}")
    return peer


def _until_quiet(life: Any) -> None:
    """Wait until no run of a stranger is open: the good one comes alone."""
    life.wait(lambda: life.status.get("open") == 0, "quiet")


def _judge(siege: Siege, life: Any, frames: int) -> None:
    life.wait(lambda: str(GOOD) in life.ear.closed, "closed the good run", 60)
    closed = life.ear.closed[str(GOOD)]
    said = life.stop()
    siege.refused = Counter(said.get("refused", {}))
    if said["code"] != 0:
        siege.failures.append(f"the service ended with {said['code']}")
    account = closed["account"]
    if (account["received"], account["archived"], account["missing"]) != (frames, frames, 0):
        siege.failures.append(f"the account of the good run: {account}")
    if not siege.refused:
        siege.failures.append("no refusal was counted")
    siege.lost = frames - _equal_frames(Path(closed["archive"]), frames)
    if siege.lost:
        siege.failures.append(f"{siege.lost} good frames are not in {closed['archive']}")


def _equal_frames(archive: Path, frames: int) -> int:
    """How many of the good frames are in the archive as they were sent."""
    import h5py
    import hdf5plugin  # noqa: F401  the filter is registered by the import

    with h5py.File(archive, "r") as file:
        data, valid = file[f"entry/instrument/{NAME}/data"], file["entry/frames/frame_valid"][...]
        return sum(
            bool(n < len(valid) and valid[n] and (data[n] == image(GOOD, n, SIZE)).all())
            for n in range(frames)
        )


def _page_answers(siege: Siege, ports: Sequence[int]) -> None:
    for port in ports:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.settimeout(10)
            peer.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            if not peer.recv(100).startswith(b"HTTP/1."):
                siege.failures.append(f"the page at port {port} does not answer any more")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Scales(threading.Thread):
    """Weighs the processes of a service, again and again."""

    def __init__(self, pids: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self.pids = pids
        self.weights: dict[str, list[float]] = {name: [] for name in pids}
        self._gone = threading.Event()

    def run(self) -> None:
        """Weigh."""
        while not self._gone.wait(0.2):
            for name, pid in self.pids.items():
                if weight := memory(pid):
                    self.weights[name].append(weight["anon"])

    def end(self) -> None:
        """Stop."""
        self._gone.set()
        self.join(10)

    def grown(self) -> dict[str, float]:
        """The processes that gained more than GROWTH_MB, and how much."""
        gained = {name: _gained(weights) for name, weights in self.weights.items()}
        say(f"memory gained, MB: { {name: round(mb, 1) for name, mb in gained.items()} }")
        return {name: mb for name, mb in gained.items() if mb > GROWTH_MB}


def _gained(weights: list[float]) -> float:
    quarter = len(weights) // 4
    if quarter < 2:
        return 0.0
    return max(weights[-quarter:]) - statistics.median(weights[quarter : 2 * quarter])

"""What grows over a run, in a whole service: published, archived, and never in the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.services import notices
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, Message, Result, RunStart, RunStop
from beamside.stream.nexus import read_result
from beamside.stream.sinks import ZmqSink

pytestmark = pytest.mark.timeout(120)
SHAPE = (8, 8)
PLUGIN = '''
import os, time
from dataclasses import dataclass
import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Tally:
    """Sums over the run, exact; `bad` frames do what `what` says to who folds them."""

    bad: tuple = ()
    what: str = ""

    def __call__(self, images, calibration):
        return xr.Dataset({"first": ("frame", images[:, 0, 0].astype(float))})

    def over_run(self, calibration):
        return {"sums": Sums(tuple(self.bad), self.what)}


@dataclass(frozen=True)
class Sums:
    bad: tuple
    what: str

    def start(self):
        return np.zeros(3)

    def add(self, state, said, numbers):
        if set(self.bad) & set(numbers):
            if self.what == "abort": os.abort()
            if self.what == "hang": time.sleep(600)
            raise TypeError("this is a mistake in add")
        values = said["first"].values
        return self.merge(state, np.array([values.sum(), (values**2).sum(), len(values)]))

    def merge(self, one, other):
        return one + other

    def finish(self, state):
        if self.what == "finish": os.abort()
        alarm = "too many" if state[2] >= 40 else "none"
        return xr.Dataset({"sums": ("part", state, {"units": "counts"})}, attrs={"alarm": alarm})

    def save(self, state):
        return {"state": state}

    def restore(self, arrays):
        return arrays["state"]
'''


@pytest.fixture
def plugin(plug_in: Callable[..., None]) -> None:
    """Install the analysis `tally`."""
    plug_in("tally", "Tally", PLUGIN)


def run_of(frames: int, run: str = "1") -> list[Message]:
    images = [np.full(SHAPE, 3 * n + 1, "<u2") for n in range(frames)]
    numbered = [Frame("x", run, n, {"data": encode(image)}) for n, image in enumerate(images)]
    start = RunStart("x", run, expected=frames, shape=SHAPE, dtype="<u2")
    return [start, *numbered, RunStop("x", run)]


def expected(numbers: range | list[int]) -> list[float]:
    values = [3.0 * n + 1 for n in numbers]
    return [sum(values), sum(value**2 for value in values), float(len(values))]


def archived(said: Any) -> list[float]:
    """What grew, as the archive has it: one row, the last."""
    found = read_result(Path(said["archive"]), "tally.sums")
    (row,) = found["sums"].values
    return [float(value) for value in row]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("gatherers", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_what_grows_is_published_and_archived_with_its_frames(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    tmp_path: Path,
    gatherers: int,
) -> None:
    bus = f"ipc://{tmp_path}/results"
    file = instrument("tally", more=f'[bus]\nresults = "{bus}"\n')
    more = ("--set", f"analysis.gatherers={gatherers}", "--set", "analysis.batch_size=3")
    service = command("run", str(file), "--runs", "1", "--json", *more)
    service.wait_for("ready")
    listener = notices.listen(bus)
    time.sleep(0.2)
    for message in run_of(40):
        assert detector.send(message)
    said = service.end(60)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 40)
    assert archived(said) == expected(range(40))
    assert "tally.sums: too many" in said["alarms"]
    grown = []
    while listener.poll(0):
        heard = notices.read([part.buffer for part in listener.recv_multipart(copy=False)])
        if isinstance(heard, Result) and heard.analysis == "tally.sums":
            grown.append(heard)
    listener.close(0)
    assert grown[-1].frames == tuple(range(40))
    assert grown[-1].provenance["final"]
    assert not any(one.provenance["final"] for one in grown[:-1])
    assert grown[-1].data["sums"].values.tolist() == expected(range(40))
    assert grown[-1].data["sums"].attrs["units"] == "counts"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    "name",
    ["gatherer-0", *(pytest.param(n, marks=pytest.mark.slow) for n in ("gatherer-1", "ingest"))],
)
def test_a_killed_process_changes_nothing_of_it(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink, name: str
) -> None:
    more = ("--set", "analysis.gatherers=2")
    service = command("run", str(instrument("tally")), "--runs", "1", "--json", *more)
    service.wait_for("ready")
    messages = run_of(40)
    for message in messages[:21]:
        assert detector.send(message)
    service.wait_for_status(processed=20)
    service.kill(name)
    if name == "ingest":
        service.wait_for("recovered from the spool")
    for message in messages[21:]:
        assert detector.send(message)
    said = service.end(60)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 40)
    assert said["processed"] == 40
    assert archived(said) == expected(range(40))
    assert any(f"{name} died (signal 9)" in alarm for alarm in said["alarms"])


@pytest.mark.slow
@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("abort", "1 frames were left out (crashed: its process died of it 3 times)"),
        ("raise", "1 frames were left out (failed: TypeError: this is a mistake in add)"),
        ("hang", "1 frames were left out (crashed: its process died of it 3 times)"),
    ],
)
def test_what_breaks_on_some_results_leaves_them_out_and_says_so(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    what: str,
    words: str,
) -> None:
    settings: tuple[str, ...] = ("analysis.settings.bad=[7]", f"analysis.settings.what={what}")
    limit = "analysis.gather_timeout_s=" + ("4" if what == "hang" else "60")
    settings = (*settings, limit, "source.end_timeout_s=90")
    more = [part for one in settings for part in ("--set", one)]
    service = command("run", str(instrument("tally")), "--runs", "1", "--json", *more)
    service.wait_for("ready")
    messages = run_of(20)
    for message in messages[:-1]:
        assert detector.send(message)
    service.wait_for(r"tally\.sums: .*left out", 60)  # told while the run goes on
    assert detector.send(messages[-1])
    said = service.end(60)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 20)
    assert said["processed"] == 20
    assert any(words in alarm for alarm in said["alarms"]), said["alarms"]
    assert archived(said) == expected([n for n in range(20) if n != 7])


@pytest.mark.slow
@pytest.mark.usefixtures("plugin")
def test_what_dies_whenever_it_is_asked_holds_no_run_open(
    command: Callable[..., Any], instrument: Callable[..., Path], detector: ZmqSink
) -> None:
    settings = ("analysis.settings.what=finish", "analysis.gather_timeout_s=4")
    more = [part for one in settings for part in ("--set", one)]
    service = command("run", str(instrument("tally")), "--runs", "2", "--json", *more)
    service.wait_for("ready")
    for run in ("1", "2"):
        for message in run_of(10, run):
            assert detector.send(message)
    said = service.end(90)
    assert (said["code"], said["status"], said["archived"]) == (0, "complete", 20)
    assert any("died" in alarm and "gatherer-0" in alarm for alarm in said["alarms"])
    assert any("without what grows" in a or "died of it" in a for a in said["alarms"])

"""A correction of the pixel grid in a whole service: proposed, accepted, withdrawn, told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from beamside.services.cli import main
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import read_result
from beamside.stream.sinks import ZmqSink

pytestmark = pytest.mark.timeout(120)
SHAPE = (8, 8)
PLUGIN = '''
import numpy as np
import xarray as xr


class Ruler:
    """Says which correction it worked with, and proposes one that every frame makes larger."""

    def __call__(self, images, calibration):
        used = np.tile(calibration.correction or (0.0, 0.0, 0.0), (len(images), 1))
        return xr.Dataset({"used": (("frame", "part"), used)})

    def over_run(self, calibration):
        return {"calibration": Proposal()}


class Proposal:
    def start(self): return np.zeros(())
    def add(self, state, said, numbers): return state + len(numbers)
    def merge(self, one, other): return one + other
    def save(self, state): return {"state": state}
    def restore(self, arrays): return arrays["state"]

    def finish(self, state):
        attrs = {"proposed_correction": [0.001 * float(state), 0.0, 0.0], "enough": 1}
        attrs["proposed_correction_sigma"] = [0.001, 0.001, 0.001]
        return xr.Dataset(attrs=attrs | {"alarm": "the pixel is wrong", "note": "so it is"})

    def __repr__(self): return "Proposal()"
'''


@pytest.fixture
def ruler(plug_in: Callable[..., None]) -> None:
    """Install the analysis `ruler`."""
    plug_in("ruler", "Ruler", PLUGIN)


@pytest.mark.usefixtures("ruler")
def test_a_correction_holds_from_the_moment_that_somebody_accepts_it(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    until: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "archive" / "calibration.jsonl"
    file.parent.mkdir()
    before = {"event": "accept", "by": "the shift before", "at": "2026-11-20T23:00:00+00:00"}
    size = {"pixel_size_nm": [0.02, 0.02]}
    file.write_text(json.dumps(before | size | {"correction": [0.05, 0.01, 0.0]}) + "\n")
    settings = instrument("ruler", more='port = 0\n[calibration]\npixel_size = "0.02 nm"\n')
    more = ("--set", "viewer.enabled=true", "--set", "source.end_timeout_s=40")
    service = command("run", str(settings), "--runs", "1", "--json", *more)
    address = re.findall(r"http://\S+", service.wait_for("page "))[0]
    service.wait_for("ready")
    page = httpx.Client(base_url=address.partition("?")[0], trust_env=False)
    page.headers["authorization"] = f"Bearer {address.partition('token=')[2]}"

    def shown() -> dict[str, Any]:
        return dict(page.get("api/v1/calibration").json())

    def status() -> dict[str, Any]:
        return dict(page.get("api/v1/status").json()["status"])

    def frames(first: int, last: int) -> None:
        for n in range(first, last):
            assert detector.send(Frame("x", "1", n, {"data": encode(np.zeros(SHAPE, "<u2"))}))
        until(lambda: status()["account"].get("processed") == last)

    assert detector.send(RunStart("x", "1", expected=16, shape=SHAPE, dtype="<u2"))
    frames(0, 4)  # it was accepted in a service before this one
    assert shown()["in_force"]["by"] == "the shift before"
    taken_back = page.post("api/v1/calibration", json={"action": "withdraw", "by": "ann"})
    assert taken_back.json()["event"]["by"] == "ann"
    frames(4, 8)
    proposal = until(lambda: p if (p := shown()["proposal"]) and p["frames"] == 8 else None)
    seen = {"action": "accept", "by": "bob", "correction": proposal["correction"]}
    assert page.post("api/v1/calibration", json=seen).status_code == 200
    frames(8, 12)
    assert main(["calibrate", "--page", address, "--withdraw", "--by", "cy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["in_force"] is None
    frames(12, 16)
    detector.send(RunStop("x", "1"))
    said = service.end(60)
    page.close()
    assert (said["code"], said["status"], said["processed"]) == (0, "complete", 16)
    used = read_result(Path(said["archive"]), "ruler")["used"].values
    none, first, second = [0.0, 0, 0], [0.05, 0.01, 0], [0.008, 0, 0]
    assert np.allclose(used, [first] * 4 + [none] * 4 + [second] * 4 + [none] * 4)
    told = json.loads(account(said["archive"]))["events"]
    assert [(e["event"], e["by"]) for e in told] == [
        ("withdraw", "ann"), ("accept", "bob"), ("withdraw", "cy"),
    ]  # fmt: skip
    assert told[1]["correction"] == [0.008, 0, 0]
    assert len(file.read_text().splitlines()) == 4
    assert any("the pixel is wrong" in alarm for alarm in said["alarms"])


def account(path: str) -> str:
    import h5py

    with h5py.File(path) as file:
        return str(file["entry/account/json"].asstr()[()])

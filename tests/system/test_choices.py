"""Settings changed on the page while a run goes on: used, in the results, and in the log."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest

from beamside.services.viewer.client import BeamsideError, Client
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import read_result
from beamside.stream.sinks import ZmqSink

pytestmark = pytest.mark.timeout(120)
SHAPE = (8, 8)


def test_a_setting_changed_on_the_page_is_used_and_told(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
) -> None:
    settings = instrument("sum", more='port = 0\nguest_token = "only-looking"\n')
    more = ("--set", "viewer.enabled=true", "--set", "source.end_timeout_s=40")
    service = command("run", str(settings), "--runs", "1", "--json", *more)
    address = re.findall(r"http://\S+", service.wait_for("page "))[0]
    service.wait_for("ready")
    base, _, token = address.partition("?token=")
    beamside = Client(base, token)

    def frames(first: int, last: int) -> None:
        for n in range(first, last):
            assert detector.send(Frame("x", "1", n, {"data": encode(np.ones(SHAPE, "<u2"))}))
        end = time.monotonic() + 20
        while beamside.health()["frames"]["processed"] != last:
            assert time.monotonic() < end
            time.sleep(0.05)

    assert detector.send(RunStart("x", "1", expected=8, shape=SHAPE, dtype="<u2"))
    frames(0, 4)
    with pytest.raises(BeamsideError, match="look at everything, and change nothing"):
        Client(base, "only-looking").change({"offset": 1.0}, "guest")
    with pytest.raises(BeamsideError, match="no setting 'ofset'"):
        beamside.change({"ofset": 1.0}, "ann")
    said = beamside.change({"offset": 0.25}, "ann")
    assert said["event"]["changes"] == {"offset": [None, 0.25]}
    assert said["settings"]["values"]["offset"] == 0.25
    with httpx.Client(base_url=base, trust_env=False) as page:
        page.headers["authorization"] = f"Bearer {token}"
        roi = {"roi": {"y": [0, 4], "x": [2, 6]}, "by": "bob"}
        assert page.post("/api/v1/roi", json=roi).json()["roi"]["by"] == "bob"
        assert page.get("/api/v1/health").json()["may_change"] is True
    frames(4, 8)
    assert beamside.result("1", 7)["provenance"]["settings"] == {"offset": 0.25}
    detector.send(RunStop("x", "1"))
    ended = service.end(60)
    assert (ended["code"], ended["status"], ended["processed"]) == (0, "complete", 8)
    mean = read_result(Path(ended["archive"]), "sum")["mean"].values
    assert mean.tolist() == [1.0] * 4 + [0.75] * 4
    with h5py.File(ended["archive"]) as file:
        told = json.loads(file["entry/account/json"].asstr()[()])["events"]
        kept = json.loads(file["entry/sum/provenance/json_2"].asstr()[()])
    assert [(one["event"], one["by"]) for one in told] == [("settings", "ann"), ("roi", "bob")]
    assert kept["settings"] == {"offset": 0.25}

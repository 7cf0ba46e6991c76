"""`beamside demo`: everything at once, over a simulated microscope."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import orjson

from .complaints import lacking
from .service import ENVIRONMENT
from .serving import listening, serve, settings_of
from .simulator import Simulation
from .supervisor import StartError
from .terminal import say

SERIES_FRAMES = 100
"""Of a demo without end: frames a series."""
STEERED_FRAMES = 120
MAPS = (
    "10!plane:mean_map_1/plane:mean_sigma_1|10!plane:mean_map_2/plane:mean_sigma_2|8!image/steering"
)
"""Panels of the page: raster and hunt beside each other, measured and how uncertain, decisions."""


def demo(args: argparse.Namespace) -> int:
    """Run everything over a simulated microscope."""
    if args.frames is not None and args.frames < 1:
        raise ValueError(f"--frames {args.frames}: must be 1 or more")
    if args.rate is None:
        args.rate = 10.0 if args.steer else 1.0
    if args.size is None:
        args.size = 256 if args.steer else 1024
    Simulation(rate=args.rate, size=args.size)  # refuses what can't be
    life = listening()
    if args.steer and args.wire != "dectris":
        raise ValueError(f"--steer speaks dectris only, not {args.wire}")
    if args.steer and find_spec("bluesky") is None:
        raise lacking("bluesky", "steering")
    bus = f"ipc://{tempfile.mkdtemp(prefix='beamside-steer-')}/results"
    detector, endpoint = _start_detector(args, bus)
    try:
        url = f"{args.wire}+{endpoint}"
        under: dict[str, Any] = {
            "source": {"url": url, "name": "microscope"},
            "analysis": {"policy": "wait"},
            "archive": {"folder": "beamside-data"},
        }
        if args.steer:
            under["analysis"]["name"] = "quality"
            under["bus"] = {"results": bus}
        settings = settings_of(args, None, under)
        say(f"  detector  {url} (simulated, {args.size} x {args.size})")
        wanted = args.frames is not None

        def done(status: dict[str, Any]) -> bool:
            if detector.poll() not in (None, 0):
                raise StartError(f"the simulated detector died (exit code {detector.poll()})")
            ended = bool(status.get("closed")) and not status.get("open")
            return wanted and ended and (not args.steer or detector.poll() is not None)

        return serve(
            settings,
            life,
            done,
            as_json=args.json,
            when_ready=lambda page: _tell(detector, page or "") if args.steer else None,
            before_stop=lambda: _end(args, detector),
        )
    finally:
        _stop(detector)
        shutil.rmtree(bus.removeprefix("ipc://").removesuffix("/results"), ignore_errors=True)


def _tell(detector: subprocess.Popen[str], page: str) -> None:
    """Tell a steered microscope where the page is, and that it can begin."""
    if page:
        say(f"  maps      {page}&analysis=quality.stage&layout={quote(MAPS)}")
    if detector.stdin is not None:
        with contextlib.suppress(OSError):  # it died: that is told elsewhere
            detector.stdin.write(page + "\n")
            detector.stdin.flush()


def _end(args: argparse.Namespace, detector: subprocess.Popen[str]) -> None:
    """Stop the detector; say what the two scans of `--steer` found with as many frames."""
    said = ""
    if args.steer and detector.poll() == 0 and detector.stdout:
        said = detector.stdout.readline()
    _stop(detector)
    if said:
        found = orjson.loads(said)
        say(
            f"  raster    found {found['raster']:.0%} of the phase with {found['sent'] // 2} frames"
        )
        say(f"  hunt      found {found['hunt']:.0%} with as many: scans 1 and 2 of the run")


def _start_detector(args: argparse.Namespace, bus: str) -> tuple[subprocess.Popen[str], str]:
    if args.steer:
        command = [sys.executable, "-m", "beamside.services.steering.demo", "--bus", bus]
        command += ["--frames", str(args.frames or STEERED_FRAMES), "--seed", str(args.seed)]
        return _started([*command, "--rate", str(args.rate), "--size", str(args.size)])
    series = [
        "--frames",
        str(args.frames or SERIES_FRAMES),
        "--series",
        "1" if args.frames else "0",
    ]
    options = ["--rate", str(args.rate), "--size", str(args.size), "--seed", str(args.seed)]
    command = [sys.executable, "-m", "beamside.services.cli", "simulate"]
    command += [f"{args.wire}+tcp://127.0.0.1:*", "--json", *series, *options]
    return _started(command)


def _started(command: list[str]) -> tuple[subprocess.Popen[str], str]:
    """A pretend detector in a process of its own, and where it is."""
    process = subprocess.Popen(  # noqa: S603  our own interpreter and module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT},
        start_new_session=True,
    )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise StartError(f"the simulated detector did not start (exit code {process.wait()})")
    return process, str(orjson.loads(line)["endpoint"])


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for end in (process.stdin, process.stdout):
        if end is not None:
            with contextlib.suppress(OSError):
                end.close()

"""The commands that run something: demo, run, replay, simulate."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from ..stream.urls import SEPARATOR
from . import doors, summary
from .complaints import lacking
from .service import ENVIRONMENT, Life
from .settings import Settings, assignment, document, load, merge
from .simulator import Simulation
from .simulator import simulate as push
from .supervisor import StartError, Supervisor, is_idle

NOTHING_CAME = 1
"""Exit code when the source ended without one readable frame."""
QUIET_TURNS = 40
"""Turns between two lines of progress where there is no terminal."""
CLEAR = "\r\x1b[K"
"""Takes the line of progress away."""
SERIES_FRAMES = 100
STEERED_FRAMES = 120
MAPS = (
    "10!plane:mean_map_1/plane:mean_sigma_1|10!plane:mean_map_2/plane:mean_sigma_2|8!image/steering"
)
"""Panels of the page: raster and hunt beside each other, measured and how uncertain, decisions."""
"""Of a demo without end: frames a series."""


def listening() -> Life:
    """The life of this command: from the first moment on Ctrl-C ends it in order."""
    life = Life()
    life.listen()
    return life


def say(text: str) -> None:
    """Tell people something; stdout is kept for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def settings_of(args: argparse.Namespace, file: Path | None, under: dict[str, Any]) -> Settings:
    """The settings of a command: its own under the file's, the command line on top."""
    over: dict[str, Any] = merge([under, *(assignment(text) for text in args.assignments)])
    if args.archive is not None:
        over = merge([over, {"archive": {"folder": args.archive}}])
    if args.port is not None:
        over = merge([over, {"viewer": {"port": args.port}}])
    if args.no_page:
        over = merge([over, {"viewer": {"enabled": False}}])
    return load(file, over)


def run(args: argparse.Namespace) -> int:
    """Run a real instrument until told to stop."""
    life = listening()
    settings = settings_of(args, args.instrument, {})

    def done(status: dict[str, Any]) -> bool:
        totals = status.get("totals", {})
        closed = totals.get("runs", 0) - totals.get("recovered", 0)
        finite = args.runs is not None and closed >= args.runs and not status.get("open")
        return finite or is_idle(status)

    return serve(settings, life, done, as_json=args.json)


def replay(args: argparse.Namespace) -> int:
    """Replay recorded files."""
    life = listening()
    for file in args.files:
        if not Path(str(file).partition("::")[0]).exists():  # FILE::NAME is a part of a file
            raise FileNotFoundError(f"{file}: no such file")
    options = [f"rate={args.rate}"] if args.rate else []
    if args.pixel_size:
        options.append(f"pixel_size={quote(args.pixel_size)}")
    paths = quote(SEPARATOR).join(quote(str(file.resolve())) for file in args.files)
    under: dict[str, Any] = {
        "source": {"url": f"file:{paths}?{'&'.join(options)}", "name": "replay"},
        "analysis": {"policy": "wait"},
    }
    if args.analysis:
        under["analysis"]["name"] = args.analysis
    settings = settings_of(args, args.settings, under)
    stay = args.stay if args.stay is not None else sys.stderr.isatty() and not args.json
    return serve(settings, life, is_idle, as_json=args.json, stay=stay and settings.viewer.enabled)


def demo(args: argparse.Namespace) -> int:
    """Run everything over a simulated microscope."""
    if args.frames is not None and args.frames < 1:
        raise ValueError(f"--frames {args.frames}: must be 1 or more")
    if args.rate is None:
        args.rate = 10.0 if args.steer else 1.0
    if args.size is None:
        args.size = 256 if args.steer else 1024
    _sensible(args)
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


def _sensible(args: argparse.Namespace) -> None:
    if not 0 <= args.rate < 1e6:
        raise ValueError(f"--rate {args.rate}: frames per second, 0 for no limit")
    if not 128 <= args.size <= 8192:
        raise ValueError(f"--size {args.size}: allowed are 128 to 8192 pixels a side")


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


def serve(
    settings: Settings,
    life: Life,
    done: Callable[[dict[str, Any]], bool],
    *,
    as_json: bool,
    stay: bool = False,
    when_ready: Callable[[str | None], None] = lambda page: None,
    before_stop: Callable[[], None] = lambda: None,
) -> int:
    """Run a service until it is done or told to stop; drain; say how it went."""
    supervisor = Supervisor(settings)
    trouble: StartError | None = None
    for words in doors.warnings(settings):
        say(f"  note      {words}")
    try:
        supervisor.start()
        if supervisor.url:
            say(f"  page      {supervisor.url}")
        if settings.archive.enabled:
            say(f"  archive   {settings.archive.folder.resolve()}")
        _serve(supervisor, life, done, stay, when_ready)
        before_stop()
    except StartError as error:
        trouble = error
    finally:
        code = supervisor.stop()
        supervisor.keep_logs()
    _report(summary.of_service(supervisor.status, supervisor.alarms), as_json)
    if trouble is not None:
        raise trouble
    nothing = supervisor.status.get("totals", {}).get("runs", 0) == 0
    return code or (NOTHING_CAME if nothing and is_idle(supervisor.status) else 0)


def _serve(
    supervisor: Supervisor,
    life: Life,
    done: Callable[[dict[str, Any]], bool],
    stay: bool,
    when_ready: Callable[[str | None], None],
) -> None:
    if not supervisor.wait_ready(life):
        return
    when_ready(supervisor.url)
    say("  ready     Ctrl-C drains and stops")
    teller = Teller(supervisor)
    supervisor.serve(life, done, teller.tell)
    if stay and not life.stopping:
        say("  done      the page stays until Ctrl-C")
        supervisor.serve(life, lambda status: False, lambda: None)
    teller.end()


def _report(result: dict[str, Any], as_json: bool) -> None:
    say("\n".join(["", *summary.lines(result)]))
    if as_json:
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
        sys.stdout.flush()


class Teller:
    """One line of progress, rewritten on a terminal, now and then elsewhere; alarms at once."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._live = sys.stderr.isatty()
        self._told = ""
        self._turn = 0
        self._alarms: set[str] = set()

    def tell(self) -> None:
        """Say what is going on."""
        line = summary.progress(self._supervisor.status)
        self._turn += 1
        for alarm in (*self._supervisor.status.get("alarms", ()), *self._supervisor.alarms):
            if alarm not in self._alarms:
                self._alarms.add(alarm)
                say(f"{CLEAR if self._live else ''}  alarm     {alarm}")
        if self._live:
            sys.stderr.write(f"{CLEAR}  {line[:150]}")
            sys.stderr.flush()
        elif self._turn % QUIET_TURNS == 1 and line != self._told:
            self._told = line
            say(f"  {line}")

    def end(self) -> None:
        """Leave the line."""
        if self._live:
            sys.stderr.write("\n")


def simulate(args: argparse.Namespace) -> int:
    """Run the pretend detector alone."""
    _sensible(args)
    life = listening()
    sim = Simulation(
        frames=args.frames, series=args.series, rate=args.rate, size=args.size, seed=args.seed
    )

    def ready(endpoint: str) -> None:
        if args.json:
            sys.stdout.write(orjson.dumps({"endpoint": endpoint}).decode() + "\n")
            sys.stdout.flush()
        else:
            say(f"  detector  {endpoint} (waits for somebody to connect; Ctrl-C stops)")

    sent = push(sim, args.url, lambda: life.stopping or life.orphaned, ready)
    if args.json:
        sys.stdout.write(orjson.dumps(sent).decode() + "\n")
    else:
        say(f"  sent      {sent['sent']} frames")
    return 0


def settings(args: argparse.Namespace) -> int:
    """Print every setting."""
    del args
    sys.stdout.write(document() + "\n")
    return 0

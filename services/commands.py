"""The commands that run something, or say what can be set: run, replay, simulate, settings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from ..stream.urls import SEPARATOR
from .serving import listening, serve, settings_of
from .settings import document
from .simulator import Simulation
from .simulator import simulate as push
from .supervisor import is_idle
from .terminal import say


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


def simulate(args: argparse.Namespace) -> int:
    """Run the pretend detector alone."""
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

"""`beamside batch TECHNIQUE FOLDER... --out REPORT`: the command."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from ...stream.files import parse_length
from ..complaints import lacking
from ..serving import listening
from ..settings import assignment
from ..terminal import say
from .engine import STOPPED, Engine, Outcome
from .progress import duration
from .store import claimed
from .technique import Wish, load

INCOMPLETE = 1
"""Exit code when a file or a frame has no result."""


def command(args: argparse.Namespace) -> int:
    """Run a batch; exit code 0 if every frame has a result, 1 if not, 130 if it was stopped."""
    if find_spec("matplotlib") is None:
        raise lacking("matplotlib", "reports")
    settings: dict[str, Any] = {}
    for text in args.assignments:
        settings |= assignment(f"analysis.{text}")["analysis"]
    technique = load(args.technique, settings)
    wish = Wish(
        given=tuple(args.files),
        out=args.out,
        workers=_workers(args.workers),
        pixel_size=parse_length(args.pixel_size) if args.pixel_size else None,
        apply=args.calibrate,
        pictures=args.pictures,
    )
    if wish.pictures < 0:
        raise ValueError(f"--pictures {wish.pictures}: must be 0 or more")
    life = listening()
    with claimed(wish.out):
        outcome = Engine(wish, technique, say, lambda: life.stopping).run()
    _told(outcome, wish, as_json=args.json)
    if outcome.stopped:
        return STOPPED
    return INCOMPLETE if outcome.failed or outcome.refused else 0


def _workers(asked: int | None) -> int:
    many = len(os.sched_getaffinity(0)) if asked is None else asked
    if many < 1:
        raise ValueError(f"--workers {asked}: must be 1 or more")
    return many


def _told(outcome: Outcome, wish: Wish, *, as_json: bool) -> None:
    if outcome.stopped:
        say("  stopped   the same command goes on where it stopped")
    else:
        good = outcome.frames - outcome.failed
        say(f"  done      {good} of {outcome.frames} frames in {duration(outcome.seconds)}")
        if outcome.failed or outcome.refused:
            say(f"  without   {outcome.failed} frames, {outcome.refused} files: see the report")
        for path in outcome.files:
            say(f"  wrote     {path}")
    if as_json:
        said = {
            "stopped": outcome.stopped,
            "frames": outcome.frames,
            "analysed": outcome.analysed,
            "failed": outcome.failed,
            "refused_files": outcome.refused,
            "seconds": outcome.seconds,
            "worker_memory_mb": outcome.memory_mb,
            "session": list(outcome.words),
            "files": [str(Path(path)) for path in outcome.files],
            "out": str(wish.out),
        }
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
        sys.stdout.flush()

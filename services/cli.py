"""The command line: `beamside COMMAND --help` tells each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from .arguments.access import keys
from .arguments.analyses import batch, calibrate, evaluate, phases
from .arguments.archives import inspect, verify
from .arguments.measuring import bench
from .arguments.networks import models, train
from .arguments.particles import particles
from .arguments.running import check, demo, replay, run, settings, simulate

COMMANDS = (
    demo, run, replay, batch, simulate, inspect, verify, check, bench, evaluate,
    calibrate, phases, train, models, particles, settings, keys,
)  # fmt: skip
"""In the order of the help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    args = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    from .complaints import explained

    return explained(command, args)


def parser() -> argparse.ArgumentParser:
    """All commands and their options; nothing heavy is imported for it."""
    from .. import __version__

    top = argparse.ArgumentParser(
        prog="beamside",
        description="Streaming analysis beside the beam: frames in, meaning, a live page and an "
        "archive out.",
        epilog="Start with `beamside demo`; settings of an instrument: `beamside settings`.",
    )
    top.add_argument("--version", action="version", version=f"beamside {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())

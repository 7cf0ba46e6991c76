"""What is said of the command that measures."""

from __future__ import annotations

from pathlib import Path

from .options import Commands, json_option, lazy


def bench(commands: Commands) -> None:
    """Add `beamside bench`."""
    sub = commands.add_parser(
        "bench",
        help="measure, with an anchor in the same run",
        description="Measure CPU ms per frame and frames per second, A/B interleaved with an "
        "anchor. Every figure in the README comes from here.",
    )
    sub.add_argument(
        "case",
        nargs="*",
        help="which (default: all): stream, raw, hrtem, latency, spool, particles, service, "
        "steering, viewer; hrtem-gpu, particle-slices, steering-losses, viewer-night, volume only "
        "when named",
    )
    sub.add_argument(
        "--minutes",
        type=float,
        help="that fifty viewers look on, of viewer (default: 15 s); of viewer-night (default: 48)",
    )
    sub.add_argument(
        "--official",
        type=Path,
        metavar="PYTHON",
        help="an interpreter with stardist and tensorflow, for the anchor of particles",
    )
    sub.add_argument("--rounds", type=int, default=5, help="of A/B each (default 5)")
    sub.add_argument("--frames", type=int, help="a round (default: by case)")
    sub.add_argument(
        "--gigabytes", type=float, default=2.0, help="of the spool to recover (default 2)"
    )
    sub.add_argument("--out", type=Path, metavar="FILE", help="write the JSON there too")
    json_option(sub)
    sub.set_defaults(command=lazy("bench.command", "bench"))

"""What is said of commands that run a service, or parts of one."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import Commands, json_option, lazy, service_options, set_option


def demo(commands: Commands) -> None:
    """Add `beamside demo`."""
    sub = commands.add_parser(
        "demo",
        help="a simulated microscope, the analysis, the page and the archive, at once",
        description="Start a simulated microscope that pushes HRTEM frames over the DECTRIS "
        "stream on a real TCP socket; ingest them, find the crystal phases, show them on a live "
        "page, archive everything. Ctrl-C drains and stops.",
    )
    sub.add_argument("--frames", type=int, help="stop by itself after so many (default: never)")
    sub.add_argument(
        "--steer",
        action="store_true",
        help="a microscope with a stage over a hidden specimen, steered by a RunEngine: a raster, "
        "and a hunt for a phase with as many frames (needs the extra `steering`)",
    )
    sub.add_argument("--rate", type=float, help="frames per second (default 1; steered 10)")
    sub.add_argument("--size", type=int, help="pixels a side (default 1024; steered 256)")
    sub.add_argument("--seed", type=int, default=1, help="of the specimen (default 1)")
    sub.add_argument(
        "--wire",
        choices=("dectris", "stream2"),
        default="dectris",
        help="what the simulated detector speaks (default dectris)",
    )
    service_options(sub)
    sub.set_defaults(command=lazy("demo", "demo"))


def run(commands: Commands) -> None:
    """Add `beamside run`."""
    sub = commands.add_parser(
        "run",
        help="a real instrument, from its settings file",
        description="Take frames from a real instrument until Ctrl-C (or SIGTERM).",
    )
    sub.add_argument("instrument", type=Path, help="the settings, a TOML file")
    sub.add_argument("--runs", type=int, help="stop by itself after so many runs")
    service_options(sub)
    sub.set_defaults(command=lazy("commands", "run"))


def replay(commands: Commands) -> None:
    """Add `beamside replay`."""
    sub = commands.add_parser(
        "replay",
        help="recorded files, an archive or a spool, through the same path",
        description="Read recorded files (dm3, dm4, ser, emd, tif, png, jpg, mrc, h5, nxs, npz) "
        "as if a detector sent them: analysis, page and archive are the same. The spool folder of "
        "a run is decoded again from the very bytes that the detector sent.",
    )
    sub.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="a file, an archive, or a spool"
    )
    sub.add_argument("--rate", type=float, help="frames per second (default: as fast as it goes)")
    sub.add_argument(
        "--pixel-size",
        metavar="LENGTH",
        help="of one pixel with unit, e.g. 0.019nm; overrides the file",
    )
    sub.add_argument("--analysis", metavar="NAME", help="default: hrtem")
    sub.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep the page until Ctrl-C (default: on a terminal)",
    )
    sub.add_argument("--settings", type=Path, metavar="FILE", help="settings of the instrument")
    service_options(sub)
    sub.set_defaults(command=lazy("commands", "replay"))


def simulate(commands: Commands) -> None:
    """Add `beamside simulate`."""
    sub = commands.add_parser(
        "simulate",
        help="the pretend detector alone",
        description="Push simulated HRTEM frames to whoever connects, as a detector does.",
    )
    sub.add_argument(
        "url",
        nargs="?",
        default="dectris+tcp://127.0.0.1:9999",
        help="where to bind: dectris+tcp://, stream2+tcp:// or beamside+tcp:// "
        "HOST:PORT (* for any free port; default dectris+tcp://127.0.0.1:9999)",
    )
    sub.add_argument("--frames", type=int, default=40, help="a series (default 40)")
    sub.add_argument("--series", type=int, default=1, help="how many; 0: no end (default 1)")
    sub.add_argument("--rate", type=float, default=1.0, help="frames per second; 0: no limit")
    sub.add_argument("--size", type=int, default=1024, help="pixels a side (default 1024)")
    sub.add_argument("--seed", type=int, default=1, help="of the specimen (default 1)")
    json_option(sub)
    sub.set_defaults(command=lazy("commands", "simulate"))


def check(commands: Commands) -> None:
    """Add `beamside check`."""
    sub = commands.add_parser(
        "check",
        help="build everything, bind nothing, say what is wrong",
        description="Read the settings, make the analysis, look at the folders; nothing is "
        "bound, sent or written.",
    )
    sub.add_argument("instrument", type=Path, help="the settings, a TOML file")
    set_option(sub, "one setting on top")
    json_option(sub)
    sub.set_defaults(command=lazy("checking", "check"))


def settings(commands: Commands) -> None:
    """Add `beamside settings`."""
    sub = commands.add_parser(
        "settings",
        help="every setting, its default and its meaning",
        description="Print a Markdown page of every setting, made from the code.",
    )
    sub.set_defaults(command=lazy("commands", "settings"))

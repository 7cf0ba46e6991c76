"""The command line: `beamside COMMAND --help` tells each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

JSON_HELP = "print one JSON object as the last line on stdout"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; give its exit code."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.command
    from .complaints import explained

    return explained(run, args)


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
    for add in (_demo, _run, _replay, _simulate, _inspect, _check, _bench, _evaluate, _settings):
        add(commands)
    return top


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _lazy(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """A command whose code is imported when it runs, so that --help is quick."""

    def command(args: argparse.Namespace) -> int:
        from importlib import import_module

        run: Callable[[argparse.Namespace], int] = getattr(
            import_module(f"beamside.services.{module}"), function
        )
        return run(args)

    return command


def _service_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="one setting, e.g. analysis.workers=2 (again for more)",
    )
    sub.add_argument("--archive", type=Path, metavar="FOLDER", help="where the archive goes")
    sub.add_argument("--port", type=int, help="of the page (0: any free port)")
    sub.add_argument("--no-page", action="store_true", help="serve no page")
    sub.add_argument("--json", action="store_true", help=JSON_HELP)


def _demo(commands: Commands) -> None:
    sub = commands.add_parser(
        "demo",
        help="a simulated microscope, the analysis, the page and the archive, at once",
        description="Start a simulated microscope that pushes HRTEM frames over the DECTRIS "
        "stream on a real TCP socket; ingest them, find the crystal phases, show them on a live "
        "page, archive everything. Ctrl-C drains and stops.",
    )
    sub.add_argument("--frames", type=int, help="stop by itself after so many (default: never)")
    sub.add_argument("--rate", type=float, default=1.0, help="frames per second (default 1)")
    sub.add_argument("--size", type=int, default=1024, help="pixels a side (default 1024)")
    sub.add_argument("--seed", type=int, default=1, help="of the specimen (default 1)")
    sub.add_argument(
        "--wire",
        choices=("dectris", "stream2"),
        default="dectris",
        help="what the simulated detector speaks (default dectris)",
    )
    _service_options(sub)
    sub.set_defaults(command=_lazy("commands", "demo"))


def _run(commands: Commands) -> None:
    sub = commands.add_parser(
        "run",
        help="a real instrument, from its settings file",
        description="Take frames from a real instrument until Ctrl-C (or SIGTERM).",
    )
    sub.add_argument("instrument", type=Path, help="the settings, a TOML file")
    sub.add_argument("--runs", type=int, help="stop by itself after so many runs")
    _service_options(sub)
    sub.set_defaults(command=_lazy("commands", "run"))


def _replay(commands: Commands) -> None:
    sub = commands.add_parser(
        "replay",
        help="recorded files, or an earlier archive, through the same path",
        description="Read recorded files (dm3, dm4, ser, emd, tif, png, jpg, mrc, h5, nxs, npz) "
        "as if a detector sent them: analysis, page and archive are the same.",
    )
    sub.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a file, or an archive")
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
    _service_options(sub)
    sub.set_defaults(command=_lazy("commands", "replay"))


def _simulate(commands: Commands) -> None:
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
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("commands", "simulate"))


def _inspect(commands: Commands) -> None:
    sub = commands.add_parser(
        "inspect",
        help="what an archive holds",
        description="Print what a run's archive holds: account, calibration, results.",
    )
    sub.add_argument("archive", type=Path, help="a .nxs file of ours")
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("inspection", "inspect"))


def _check(commands: Commands) -> None:
    sub = commands.add_parser(
        "check",
        help="build everything, bind nothing, say what is wrong",
        description="Read the settings, make the analysis, look at the folders; nothing is "
        "bound, sent or written.",
    )
    sub.add_argument("instrument", type=Path, help="the settings, a TOML file")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="one setting on top",
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("checking", "check"))


def _bench(commands: Commands) -> None:
    sub = commands.add_parser(
        "bench",
        help="measure, with an anchor in the same run",
        description="Measure CPU ms per frame and frames per second, A/B interleaved with an "
        "anchor. Every figure in the README comes from here.",
    )
    sub.add_argument("case", nargs="*", help="which (default: all): stream, raw, hrtem, service")
    sub.add_argument("--rounds", type=int, default=5, help="of A/B each (default 5)")
    sub.add_argument("--frames", type=int, help="a round (default: by case)")
    sub.add_argument("--out", type=Path, metavar="FILE", help="write the JSON there too")
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("bench.command", "bench"))


def _evaluate(commands: Commands) -> None:
    sub = commands.add_parser(
        "evaluate",
        help="score an analysis against truth",
        description="Run an analysis over images with known truth and score it.",
    )
    sub.add_argument("analysis", choices=("hrtem",), help="which")
    sub.add_argument("truth", type=Path, nargs="+", metavar="TRUTH.npz", help="images with truth")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="one setting of the analysis, e.g. k_max=8.3",
    )
    sub.add_argument(
        "--out", type=Path, metavar="FILE", help="keep the scores there, with command and machine"
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("evaluate", "command"))


def _settings(commands: Commands) -> None:
    sub = commands.add_parser(
        "settings",
        help="every setting, its default and its meaning",
        description="Print a Markdown page of every setting, made from the code.",
    )
    sub.set_defaults(command=_lazy("commands", "settings"))


if __name__ == "__main__":
    sys.exit(main())

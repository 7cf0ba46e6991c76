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
    for add in (
        _demo, _run, _replay, _batch, _simulate, _inspect, _verify, _check, _bench, _evaluate,
        _calibrate, _phases, _train, _models, _particles, _settings, _keys,
    ):  # fmt: skip
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
    _service_options(sub)
    sub.set_defaults(command=_lazy("commands", "replay"))


def _batch(commands: Commands) -> None:
    sub = commands.add_parser(
        "batch",
        help="a folder of images: tables, a NeXus file and a report with pictures",
        description="Analyse every image of a folder, or of several files, as one session of one "
        "microscope. Killed at any moment, the same command goes on where it stopped. Exit code 1 "
        "when a file or a frame has no result: the report names it.",
    )
    sub.add_argument("technique", choices=("hrtem",), help="which")
    sub.add_argument(
        "files", type=Path, nargs="+", metavar="FOLDER", help="a folder (its folders too), or files"
    )
    sub.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="where the report goes"
    )
    sub.add_argument("--workers", type=int, help="processes (default: one a core)")
    sub.add_argument(
        "--pixel-size",
        metavar="LENGTH",
        help="of one pixel with unit, e.g. 0.019nm; overrides the files",
    )
    sub.add_argument(
        "--calibrate",
        action="store_true",
        help="accept what the crystals of the session say of the pixel size: analyse once more "
        "with it (default: it is told, not applied)",
    )
    sub.add_argument(
        "--pictures", type=int, default=12, help="frames that are drawn, at most (default 12)"
    )
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="one setting of the analysis, e.g. candidates=oxides (again for more)",
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("batch.command", "command"))


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
        description="Print what a run's archive holds: account, calibration, results. The folder "
        "of a run that goes on tells what can be read of it already.",
    )
    sub.add_argument("archive", type=Path, help="a .nxs file of ours, or the folder of its run")
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("inspection", "inspect"))


def _verify(commands: Commands) -> None:
    sub = commands.add_parser(
        "verify",
        help="whether every frame of an archive is as it was written",
        description="Read archives whole: every stored image against its CRC, every count against "
        "every other. Exit code 1 when anything is wrong; frames and files are named.",
    )
    sub.add_argument(
        "archives",
        type=Path,
        nargs="+",
        metavar="ARCHIVE",
        help="a .nxs file, a run's folder, or a folder of .nxs files",
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("verification", "verify"))


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
    sub.add_argument(
        "case",
        nargs="*",
        help="which (default: all): stream, raw, hrtem, latency, spool, particles, service, "
        "steering, viewer",
    )
    sub.add_argument(
        "--minutes", type=float, help="that fifty viewers look on, of viewer (default: 15 s)"
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
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("bench.command", "bench"))


def _evaluate(commands: Commands) -> None:
    sub = commands.add_parser(
        "evaluate",
        help="score an analysis against truth",
        description="Run an analysis over images with known truth and score it.",
    )
    sub.add_argument("analysis", choices=("hrtem", "particles"), help="which")
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


def _calibrate(commands: Commands) -> None:
    sub = commands.add_parser(
        "calibrate",
        help="what the crystals of a session say of the microscope's pixel size",
        description="Fit scale, anisotropy and shear of the pixel grid to the spots that the "
        "analysis `hrtem` found in the archives of one session (one magnification), or finds in "
        "image files. It says how sure it is; nothing is applied unless somebody accepts it. A "
        "service that runs calibrates by itself: --page shows what it proposes.",
    )
    sub.add_argument(
        "archives",
        type=Path,
        nargs="*",
        metavar="ARCHIVE",
        help="a .nxs file, a folder of them, or an image file (dm3, dm4, tif, ...)",
    )
    sub.add_argument(
        "--phases",
        nargs="+",
        default=["li-sei"],
        metavar="PHASE",
        help="phases, or one set of phases, that the chemistry allows (default li-sei)",
    )
    sub.add_argument(
        "--reference", action="store_true", help="the specimen holds these phases and no other"
    )
    sub.add_argument(
        "--uncalibrated",
        action="store_true",
        help="frames without a pixel size: by ratios of lengths and angles alone, find it and the "
        "phases",
    )
    sub.add_argument("--pixel-size", metavar="LENGTH", help="of image files, e.g. 0.019nm")
    sub.add_argument("--temperature", type=_kelvin, metavar="K", help="of the specimen")
    decision = sub.add_mutually_exclusive_group()
    decision.add_argument(
        "--accept",
        action="store_true",
        help="accept it for all runs of this pixel size, in the archive's folder",
    )
    decision.add_argument("--withdraw", action="store_true", help="withdraw what was accepted")
    sub.add_argument("--by", metavar="NAME", help="who decides (default: this user)")
    sub.add_argument(
        "--page", metavar="ADDRESS", help="of a service that runs, with its token: what it proposes"
    )
    sub.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="where decisions are kept (`calibration.accepted`)",
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("calibrating", "command"))


def _phases(commands: Commands) -> None:
    sub = commands.add_parser(
        "phases",
        help="the crystal phases to choose candidates from, and your own among them",
        description="The phases of the analysis `hrtem`: shipped ones, and your own from CIFs. "
        "They are candidates by name and by set in every command.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="all phases and sets")
    listed.set_defaults(command=_lazy("phases", "list_phases"))
    show = actions.add_parser("show", help="cell, source and reflections of one")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(command=_lazy("phases", "show"))
    added = actions.add_parser("add", help="one more, from a CIF")
    _phase_options(added)
    added.set_defaults(command=_lazy("phases", "add"))
    removed = actions.add_parser("remove", help="one of your own")
    removed.add_argument("name", metavar="NAME")
    removed.set_defaults(command=_lazy("phases", "remove"))
    for action in (listed, show, added, removed):
        action.add_argument("--json", action="store_true", help=JSON_HELP)


def _phase_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", type=Path, metavar="FILE.cif", help="the structure")
    sub.add_argument("--name", help="to call it by (default: its formula)")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SET",
        help="put it in this set, e.g. li-sei, or in a new one (again for more)",
    )
    sub.add_argument("--temperature", type=_kelvin, metavar="K", help="of the cell (default: CIF)")
    sub.add_argument(
        "--expansion",
        type=_expansion,
        metavar="PER_K",
        help="mean linear thermal expansion, e.g. 5e-5: its cell then follows the specimen's "
        "temperature",
    )
    sub.add_argument("--source", help="where the cell is from (default: as the CIF says)")
    sub.add_argument("--block", help="of the CIF, where several have atoms")


def _kelvin(text: str) -> float:
    if not 1 <= float(text) <= 3000:
        raise argparse.ArgumentTypeError(f"{text} K: between 1 and 3000")
    return float(text)


def _expansion(text: str) -> float:
    if not abs(float(text)) <= 3e-4:
        raise argparse.ArgumentTypeError(f"{text} per K: no crystal expands by more than 3e-4")
    return float(text)


def _train(commands: Commands) -> None:
    sub = commands.add_parser(
        "train",
        help="a network, from generated data alone or from your own pictures",
        description="Train a network on data that are generated as they are needed, never on "
        "real ones, and write its weights and its card. The same seed gives the same weights on "
        "the same machine. With --data, nmc-stardist goes on learning from your own annotated "
        "pictures until those that are held back get no better.",
    )
    sub.add_argument("network", choices=("hrtem-unet", "nmc-stardist"), help="which")
    sub.add_argument("--steps", type=int, help="of the training (default: by network)")
    sub.add_argument("--samples", type=int, help="hrtem-unet: spectra in all (default: 40 a step)")
    sub.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="nmc-stardist: pictures with outlines (VIA JSON) or images of labels "
        "(images/ and labels/, or NAME_labels.tif beside NAME.tif)",
    )
    sub.add_argument("--name", help="with --data: of the new network (default: by folder)")
    sub.add_argument("--seed", type=int, default=1, help="of all that is random (default 1)")
    sub.add_argument(
        "--out", type=Path, default=Path("weights"), metavar="DIR", help="default: weights"
    )
    sub.add_argument("--quick", action="store_true", help="a tiny run, to try the machinery")
    sub.add_argument(
        "--validate",
        type=Path,
        nargs="+",
        default=[],
        metavar="TRUTH.npz",
        help="hrtem-unet: images with truth that fix temperature and thresholds",
    )
    sub.add_argument("--json", action="store_true", help=JSON_HELP)
    sub.set_defaults(command=_lazy("training", "command"))


def _models(commands: Commands) -> None:
    sub = commands.add_parser(
        "models",
        help="networks that others trained, and what is there",
        description="Read networks of other packages into beamside's form: weights as "
        "safetensors and a card that says what they are.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    take = actions.add_parser(
        "import-stardist",
        help="a model of the official package stardist",
        description="Read config.json, weights_best.h5 and thresholds.json of an official "
        "StarDist 2D model (tensorflow is not needed) and write NAME.safetensors and NAME.json.",
    )
    take.add_argument("folder", type=Path, metavar="DIR", help="of the official model")
    take.add_argument("--name", help="of the network (default: the folder's)")
    take.add_argument(
        "--out", type=Path, default=Path("weights"), metavar="DIR", help="default: weights"
    )
    take.add_argument("--sha256", metavar="HEX", help="of the weights file, where it is known")
    take.add_argument("--json", action="store_true", help=JSON_HELP)
    take.set_defaults(command=_lazy("importing", "import_stardist"))
    show = actions.add_parser("show", help="the cards of the networks in a folder")
    show.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="default: the shipped")
    show.add_argument("--json", action="store_true", help="one JSON object a line")
    show.set_defaults(command=_lazy("importing", "show"))


def _particles(commands: Commands) -> None:
    from .particles.arguments import add

    add(commands, _lazy)


def _settings(commands: Commands) -> None:
    sub = commands.add_parser(
        "settings",
        help="every setting, its default and its meaning",
        description="Print a Markdown page of every setting, made from the code.",
    )
    sub.set_defaults(command=_lazy("commands", "settings"))


def _keys(commands: Commands) -> None:
    sub = commands.add_parser(
        "keys",
        help="who may listen to results from another machine",
        description="Results that leave this machine are encrypted: make the keys for it, and "
        "say who may listen. SECURITY.md tells what it protects.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    make = actions.add_parser(
        "make",
        help="make the service's keys, and those of one listener, who is allowed",
        description="Make the keys of a service in FOLDER, if there are none yet, and the keys of "
        "one listener, who is allowed. Again with another NAME for one more.",
    )
    make.add_argument("folder", type=Path, metavar="FOLDER", help="for this user alone")
    make.add_argument("name", nargs="?", default="client", metavar="NAME", help="of the listener")
    make.set_defaults(command=_lazy("keys", "make"))
    allow = actions.add_parser(
        "allow",
        help="let in one more listener, by a public key made elsewhere",
        description="Let in whoever has the secret of a public key. It counts at once.",
    )
    allow.add_argument("folder", type=Path, metavar="FOLDER", help="that `keys make` made")
    allow.add_argument("public", type=Path, metavar="FILE", help="the public key, NAME.key")
    allow.add_argument("--name", help="of the listener (default: the file's)")
    allow.set_defaults(command=_lazy("keys", "allow"))


if __name__ == "__main__":
    sys.exit(main())

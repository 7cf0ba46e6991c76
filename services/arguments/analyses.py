"""What is said of commands that analyse files."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import Commands, json_option, lazy, set_option


def batch(commands: Commands) -> None:
    """Add `beamside batch`."""
    sub = commands.add_parser(
        "batch",
        help="a folder of images: tables, a NeXus file and a report with pictures",
        description="hrtem: analyse every image of a folder, or of several files, as one session "
        "of one microscope. particles: find the particles in slices; those of one file, or of "
        "files numbered alike, are one volume: labels, features, damage and what goes with it. "
        "Killed at any moment, the same command goes on where it stopped. Exit code 1 when a file "
        "or a frame has no result: the report names it.",
    )
    sub.add_argument("technique", choices=("hrtem", "particles"), help="which")
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
    set_option(sub, "one setting, e.g. candidates=oxides, voxel_um=[0.2,0.1,0.1] (again for more)")
    json_option(sub)
    sub.set_defaults(command=lazy("batch.command", "command"))


def evaluate(commands: Commands) -> None:
    """Add `beamside evaluate`."""
    sub = commands.add_parser(
        "evaluate",
        help="score an analysis against truth",
        description="Run an analysis over images with known truth and score it; spectra: the "
        "network that marks spots in pictures of spectra, beside the marks of people (npz of fft "
        "and label) or of simulations.",
    )
    sub.add_argument("analysis", choices=("hrtem", "particles", "spectra"), help="which")
    sub.add_argument("truth", type=Path, nargs="*", metavar="TRUTH.npz", help="images with truth")
    sub.add_argument(
        "--packings",
        type=int,
        metavar="N",
        help="particles, instead of files: N generated volumes of each kind and fill, joined in "
        "3D by both methods with a tenth and a quarter of the cross-sections missed, and seen by "
        "the network (a CPU minute for each of N)",
    )
    set_option(sub, "one setting of the analysis, e.g. k_max=8.3")
    sub.add_argument(
        "--out", type=Path, metavar="FILE", help="keep the scores there, with command and machine"
    )
    json_option(sub)
    sub.set_defaults(command=lazy("evaluate", "command"))


def calibrate(commands: Commands) -> None:
    """Add `beamside calibrate`."""
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
    json_option(sub)
    sub.set_defaults(command=lazy("calibrating", "command"))


def phases(commands: Commands) -> None:
    """Add `beamside phases`."""
    sub = commands.add_parser(
        "phases",
        help="the crystal phases to choose candidates from, and your own among them",
        description="The phases of the analysis `hrtem`: shipped ones, and your own from CIFs. "
        "They are candidates by name and by set in every command.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="all phases and sets")
    listed.set_defaults(command=lazy("phases", "list_phases"))
    show = actions.add_parser("show", help="cell, source and reflections of one")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(command=lazy("phases", "show"))
    added = actions.add_parser("add", help="one more, from a CIF")
    _phase_options(added)
    added.set_defaults(command=lazy("phases", "add"))
    removed = actions.add_parser("remove", help="one of your own")
    removed.add_argument("name", metavar="NAME")
    removed.set_defaults(command=lazy("phases", "remove"))
    for action in (listed, show, added, removed):
        json_option(action)


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

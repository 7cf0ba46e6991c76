"""What `beamside particles` may be given."""

from __future__ import annotations

from pathlib import Path

from .options import Commands, json_option, lazy, set_option

VOXEL_HELP = "of one voxel, with unit: '0.1 um', or '0.2 0.1 0.1 um' for z y x"
SET_HELP = "one more setting, e.g. {} (again for more)"


def particles(commands: Commands) -> None:
    """Add `beamside particles`."""
    sub = commands.add_parser(
        "particles",
        help="particles of an electrode: features, why they are damaged, how they evolve",
        description="From a volume of labelled particles to a table of features, to what goes "
        "with damage, to how damage and activity drive each other on the network.",
    )
    actions = sub.add_subparsers(metavar="ACTION", required=True)
    _volume(actions)
    _features(actions)
    _why(actions)
    _network(actions)


def _volume(actions: Commands) -> None:
    sub = actions.add_parser(
        "volume",
        help="find and label the particles of a volume of grey slices",
        description="Find the particles in the slices of three views and fuse them to a volume of "
        "labels with a table. Stopped, the same command goes on where it was.",
    )
    sub.add_argument("source", type=Path, metavar="FOLDER|VOLUME", help="slices, or one file")
    sub.add_argument("--out", type=Path, required=True, metavar="LABELS.nxs", help="the result")
    sub.add_argument("--voxel", metavar="LENGTH", help=VOXEL_HELP + " (default: the file's pixel)")
    sub.add_argument("--views", default="xy,xz,yz", help="default xy,xz,yz")
    sub.add_argument("--method", choices=("fusion", "linking"), help="linking: of one view")
    set_option(sub, SET_HELP.format("particle_um=9"))
    sub.add_argument(
        "--stride", type=int, default=0, help="voxels of a cell for fusing (default: by size)"
    )
    sub.add_argument("--room", type=float, default=1.5, metavar="GB", help="memory for a slab")
    sub.add_argument("--workers", type=int, default=1, help="processes that find (default 1)")
    sub.add_argument("--work", type=Path, metavar="FOLDER", help="for what is not finished")
    sub.add_argument("--keep", action="store_true", help="keep that folder at the end")
    json_option(sub)
    sub.set_defaults(command=lazy("particles.volume", "command"))


def _features(actions: Commands) -> None:
    sub = actions.add_parser(
        "features",
        help="measure every particle of a label volume",
        description="Measure the 21 published features and Damage of every particle, corrected "
        "(um, cracks kept apart, true areas) and as published, and damage by depth.",
    )
    sub.add_argument("labels", type=Path, metavar="LABELS", help="volume of labels, 0 is none")
    sub.add_argument("grey", type=Path, nargs="?", metavar="GREY", help="the same volume in grey")
    sub.add_argument("--voxel", metavar="LENGTH", help=VOXEL_HELP + " (default: the file's)")
    sub.add_argument("--closing", default="1 um", help="half the widest crack (default 1 um)")
    sub.add_argument(
        "--crack-below",
        metavar="GREY",
        help="labelled voxels darker than this are cracks; auto: half way between particles and "
        "the rest (default: the labels leave cracks out)",
    )
    set_option(sub, SET_HELP.format("neighbours=8"))
    sub.add_argument("--workers", type=int, help="processes (default: one a core)")
    sub.add_argument("--out", type=Path, metavar="FILE", help="the table: .nxs (all) or .csv")
    json_option(sub)
    sub.set_defaults(command=lazy("particles.features", "command"))


def _why(actions: Commands) -> None:
    sub = actions.add_parser(
        "why",
        help="which features go with damage",
        description="Random forests and Shapley values with the published settings, over seeds "
        "and subsets, with what chance would explain beside it. Two tables are two states.",
    )
    sub.add_argument("table", type=Path, metavar="TABLE", help="that `particles features` wrote")
    sub.add_argument("late", type=Path, nargs="?", metavar="LATE", help="of a later state")
    sub.add_argument(
        "--features",
        default="leakage-free",
        help="leakage-free (default), corrected, published, or names with commas between",
    )
    sub.add_argument("--glance", action="store_true", help="one forest only: a second")
    set_option(sub, SET_HELP.format("subset_size=300"))
    sub.add_argument("--out", type=Path, metavar="FILE.nxs", help="all that was found")
    sub.add_argument("--save", type=Path, metavar="FILE.skops", help="the forest, with its card")
    json_option(sub)
    sub.set_defaults(command=lazy("particles.why", "command"))


def _network(actions: Commands) -> None:
    sub = actions.add_parser(
        "network",
        help="how activity and damage drive each other",
        description="Cycle the particles on the network of their contacts, by beamside's own "
        "conductance-activity-damage model (not that of a publication).",
    )
    sub.add_argument("labels", type=Path, metavar="LABELS", help="volume of labels, 0 is none")
    sub.add_argument("table", type=Path, metavar="TABLE", help="that `particles features` wrote")
    sub.add_argument("--voxel", metavar="LENGTH", help=VOXEL_HELP + " (default: the table's)")
    sub.add_argument("--gap", default="", metavar="LENGTH", help="particles so near touch too")
    sub.add_argument("--cycles", type=int, help="default 50")
    sub.add_argument("--rate", type=float, metavar="C", help="charges an hour (default 5)")
    set_option(sub, SET_HELP.format("conductivity=0.1"))
    sub.add_argument("--out", type=Path, metavar="FILE.nxs", help="every particle at every step")
    json_option(sub)
    sub.set_defaults(command=lazy("particles.network", "command"))

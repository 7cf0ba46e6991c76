"""What is said of commands that read archives."""

from __future__ import annotations

from pathlib import Path

from .options import Commands, json_option, lazy


def inspect(commands: Commands) -> None:
    """Add `beamside inspect`."""
    sub = commands.add_parser(
        "inspect",
        help="what an archive holds",
        description="Print what a run's archive holds: account, calibration, results. The folder "
        "of a run that goes on tells what can be read of it already.",
    )
    sub.add_argument("archive", type=Path, help="a .nxs file of ours, or the folder of its run")
    json_option(sub)
    sub.set_defaults(command=lazy("inspection", "inspect"))


def verify(commands: Commands) -> None:
    """Add `beamside verify`."""
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
    json_option(sub)
    sub.set_defaults(command=lazy("verification", "verify"))

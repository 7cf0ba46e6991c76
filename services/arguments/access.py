"""What is said of commands that let others in."""

from __future__ import annotations

from pathlib import Path

from .options import Commands, lazy


def keys(commands: Commands) -> None:
    """Add `beamside keys`."""
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
    make.set_defaults(command=lazy("keys", "make"))
    allow = actions.add_parser(
        "allow",
        help="let in one more listener, by a public key made elsewhere",
        description="Let in whoever has the secret of a public key. It counts at once.",
    )
    allow.add_argument("folder", type=Path, metavar="FOLDER", help="that `keys make` made")
    allow.add_argument("public", type=Path, metavar="FILE", help="the public key, NAME.key")
    allow.add_argument("--name", help="of the listener (default: the file's)")
    allow.set_defaults(command=lazy("keys", "allow"))

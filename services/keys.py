"""`beamside keys`: who may listen to results from another machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..stream.errors import KeyFileError
from ..stream.keyfiles import PUBLIC, SECRET, make_pair, read_public, write_public
from .doors import ALLOWED, SERVER


def make(args: argparse.Namespace) -> int:
    """Make the service's own pair, if there is none yet, and the pair of one listener."""
    folder, name = Path(args.folder), str(args.name)
    if name == SERVER:
        raise KeyFileError(f"{name!r} is the service's own key; give the listener another name")
    server = folder / f"{SERVER}{PUBLIC}"
    if not server.exists():
        make_pair(folder, SERVER)
    public = make_pair(folder, name)
    _allow(folder, name, read_public(public))
    say = sys.stdout.write
    say(f"In the settings of the service:\n    [security]\n    keys = {_toml(folder)}\n")
    say(f"Give to the listener, on a safe way:\n    {server}\n    {public.with_suffix(SECRET)}\n")
    say("who listens, e.g. with another beamside, at\n")
    say(f"    beamside+sub+tcp://HOST:PORT?server_key={server.name}&own_key={name}{SECRET}\n")
    return 0


def allow(args: argparse.Namespace) -> int:
    """Let in whoever has the secret that belongs to a public key; it counts at once."""
    folder, file = Path(args.folder), Path(args.public)
    if not (folder / f"{SERVER}{SECRET}").exists():
        raise KeyFileError(
            f"{folder}: holds no keys of a service; run: beamside keys make {folder}"
        )
    name = args.name or file.name.removesuffix(SECRET).removesuffix(PUBLIC)
    there = _allow(folder, name, read_public(file))
    sys.stdout.write(f"{name} may listen; to end that: rm {there}, and start the service anew\n")
    return 0


def _allow(folder: Path, name: str, public: bytes) -> Path:
    allowed = folder / ALLOWED
    allowed.mkdir(mode=0o700, exist_ok=True)
    return write_public(allowed, name, public)


def _toml(path: Path) -> str:
    return '"' + str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'

"""`beamside verify`: is every frame of an archive as it was written?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from ..stream.errors import FileError
from ..stream.nexus.names import SUFFIX
from ..stream.nexus.verify import verify as read_whole
from .apart import apart

SLOWEST = 10e6
"""Bytes a second; who reads more slowly is stuck."""
PATIENCE_S = 60.0
SHOWN = 20


def verify(args: argparse.Namespace) -> int:
    """Verify each archive; exit code 1 when anything is wrong with any."""
    verdicts = [verdict(path) for given in args.archives for path in archives_in(given)]
    if args.json:
        said = {"sound": all(v["sound"] for v in verdicts), "archives": verdicts}
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
    else:
        sys.stdout.write("\n".join(line for v in verdicts for line in lines(v)) + "\n")
    return 0 if all(v["sound"] for v in verdicts) else 1


def archives_in(path: Path) -> list[Path]:
    """The archive that is named, or all that lie in the folder that is named."""
    return sorted(path.glob(f"*{SUFFIX}")) or [path]


def verdict(path: Path) -> dict[str, Any]:
    """Read one archive in a process apart; what can't be opened is not sound."""
    if not path.exists():
        raise FileError(f"{path}: there is no such file")
    seconds = PATIENCE_S + size_of(path) / SLOWEST
    try:
        found: dict[str, Any] = apart(lambda: read_whole(path).as_json(), seconds, path)
    except FileError as error:
        problem = {"file": path.name, "frame": None, "what": str(error)}
        found = {"path": str(path), "sound": False, "problems": [problem], "more": 0}
    return found


def size_of(path: Path) -> int:
    """Bytes of an archive, its segments with it."""
    folder = path if path.is_dir() else path.with_name(path.name.removesuffix(SUFFIX))
    files = [path, *folder.glob("*")] if folder.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def lines(found: dict[str, Any]) -> list[str]:
    """Say it for people."""
    if found["sound"]:
        size = found["bytes_read"] / 1e6
        return [
            f"sound    {found['path']}: run {found['run']} of {found['source']}, "
            f"{found['status']}: {found['frames']} frames in {found['segments']} segments, "
            f"{size:.1f} MB, every CRC and count right"
        ]
    problems = found["problems"]
    count = len(problems) + found["more"]
    said = [f"DAMAGED  {found['path']}: {count} problem{'s' if count != 1 else ''}"]
    for problem in problems[:SHOWN]:
        frame = "" if problem["frame"] is None else f"frame {problem['frame']}: "
        said.append(f"         {problem['file']}: {frame}{problem['what']}")
    if count > SHOWN:
        said.append(f"         and {count - SHOWN} more; --json lists them")
    return said

"""A person's word on a calibration, from the command line: for a folder, or a service that runs."""

from __future__ import annotations

import argparse
import getpass
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from ..stream import journal
from ..stream.errors import FileError
from ..stream.files import open_file, parse_length
from ..stream.files.formats import split
from ..stream.messages import RunStart
from ..stream.nexus import open_archive
from ..stream.nexus.names import SUFFIX
from .acceptance import FILE, NotAcceptedError, accepted, in_force, in_words, withdrawn
from .verification import archives_in

VIA = "command line"
PATIENCE_S = 10.0
NUMPY = orjson.OPT_SERIALIZE_NUMPY


def accept(
    args: argparse.Namespace, paths: Sequence[Path], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Accept what the archives say, for their pixel size; give the event and the file it is in."""
    proposal = {
        "correction": said["correction"],
        "correction_sigma": said["correction_sigma"],
        "enough": bool(said["enough"]),
        "pixel_size_nm": pixel_size(paths, args.pixel_size),
        "analysis": "beamside calibrate",
        "run": ", ".join(path.stem for path in paths)[:500],
        "frames": said["frames"],
    }
    try:
        event = accepted(proposal, name_of(args), VIA)
    except NotAcceptedError as error:
        raise FileError(f"not accepted: {error}") from error
    file = file_of(args, paths)
    journal.append(file, event)
    return {**event, "file": str(file)}


def withdraw(args: argparse.Namespace) -> int:
    """Withdraw what is accepted for the pixel size of the archives."""
    paths = [path for given in args.archives for path in archives_in(given)]
    size, file = pixel_size(paths, args.pixel_size), file_of(args, paths)
    if in_force(journal.read(file), size) is None:
        raise FileError(f"{file}: nothing is accepted for a pixel of {size} nm")
    event = withdrawn(size, name_of(args), VIA)
    journal.append(file, event)
    tell(args, {**event, "file": str(file)}, [f"  withdrawn in {file}"])
    return 0


def pixel_size(paths: Sequence[Path], given: str | None = None) -> list[float]:
    """The one pixel size by the headers of these files, or as `given`, in nm; or FileError."""
    sizes = set()
    for path in paths:
        said = _start(path, given).calibration.get("pixel_size_nm")
        if not said:
            raise FileError(f"{path}: its header says no pixel size, so there is none to correct")
        sizes.add((float(said[0]), float(said[1])))
    if len(sizes) != 1:
        raise FileError(f"name archives of one pixel size, not of {sorted(sizes)} nm")
    return list(sizes.pop())


def _start(path: Path, given: str | None) -> RunStart:
    if split(path)[0].suffix.lower() == SUFFIX:
        with open_archive(path) as archive:
            return archive.start
    size = parse_length(given) if given else None
    with open_file(path, source="calibrate", pixel_size=size) as recording:
        return recording.start


def file_of(args: argparse.Namespace, paths: Sequence[Path]) -> Path:
    """Where decisions on these archives are kept."""
    folders = {path.parent for path in paths}
    if args.file is not None:
        return Path(args.file)
    if len(folders) != 1:
        raise FileError("name archives of one folder, or say with --file where it is kept")
    return folders.pop() / FILE


def name_of(args: argparse.Namespace) -> str:
    """Who decides: as said, or as this machine calls the user."""
    if args.by:
        return str(args.by)
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return "somebody"


# a service that runs


def over_http(args: argparse.Namespace) -> int:
    """Show what a running service proposes and has in force; accept or withdraw it there."""
    address = urlsplit(args.page)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise FileError(f"--page {args.page}: give the address that the service printed")
    there = f"{address.scheme}://{address.netloc}{address.path.rstrip('/')}/api/v1/calibration"
    token = parse_qs(address.query).get("token", [""])[0]
    said = ask(there, token)
    if args.accept or args.withdraw:
        wish: dict[str, Any] = {"action": "accept" if args.accept else "withdraw"}
        if args.accept and said.get("proposal"):
            wish["correction"] = said["proposal"]["correction"]
            if not said["proposal"].get("enough"):
                del wish["correction"]  # the service says why it does not accept it
        said = ask(there, token, {**wish, "by": name_of(args)})["calibration"]
    tell(args, said, lines(said))
    return 0


def ask(address: str, token: str, wish: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """GET, or POST a wish; FileError with the service's own words if it refuses."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = None if wish is None else orjson.dumps(dict(wish))
    request = urllib.request.Request(address, body, headers)  # noqa: S310  http(s) was checked
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            said = orjson.loads(answer.read(1 << 20))
    except urllib.error.HTTPError as error:
        words = error.read(1 << 16)
        error.close()
        try:
            reason = str(orjson.loads(words)["error"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            reason = f"it answered {error.code}"
        raise FileError(f"the service says: {reason}") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise FileError(f"no service answers at {address}: {error}") from error
    return dict(said)


def lines(said: Mapping[str, Any]) -> list[str]:
    """What is in force and what is proposed, for people."""
    force, proposal = said.get("in_force"), said.get("proposal")
    rows = [("setting", str(said.get("setting")))]
    rows.append(("in force", f"{force['correction']}, {in_words(force)}" if force else "nothing"))
    if proposal:
        rows.append(("proposal", f"{proposal['correction']} +- {proposal['correction_sigma']}"))
        rows.append(("", str(proposal["note"])))
        rows.append(("of", f"{proposal['analysis']}, run {proposal['run']}"))
    else:
        rows.append(("proposal", "nothing yet"))
    rows.append(("kept in", str(said.get("file"))))
    return [f"  {name:<11}{text}" for name, text in rows]


def tell(args: argparse.Namespace, said: Mapping[str, Any], text: Sequence[str]) -> None:
    """As JSON, or for people."""
    if args.json:
        sys.stdout.write(orjson.dumps(dict(said), option=NUMPY).decode() + "\n")
    else:
        sys.stdout.write("\n".join(text) + "\n")

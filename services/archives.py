"""Reads archives for the page, in a process of its own: libhdf5 can crash or loop on damaged files.

A request is one line of JSON on stdin; the answer on stdout is the count of its parts, their
lengths (8 bytes each, little endian), and the parts: JSON, or a message of ours (stream/wire).

    {"do": "list"}                                            -> [[id, signature], ..], newest first
    {"do": "run", "id": ..}                                   -> what is in an archive
    {"do": "frame", "id": .., "number": ..}                   -> a Frame
    {"do": "result", "id": .., "number": .., "analysis": ..}  -> a Result ("": the first analysis)
    {"do": "where", .., "name": ..}                           -> where an array of it lies
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from ..stream import wire
from ..stream.errors import FileError, StreamError
from ..stream.framenumbers import Numbers
from ..stream.messages import Buffer
from ..stream.nexus import ArchiveFile, open_archive
from ..stream.nexus.chunks import lines, parsed, reading, text
from ..stream.nexus.names import SUFFIX, moment
from .written import Written

MEMORY = 8 << 30
"""Address space: a damaged file can ask for any amount."""
MOST_WRITTEN = 4
"""Spools of which is remembered where their results lie."""


class Reader:
    """The archives in a folder; the one read last stays open if its run is closed.

    In `spool` are the spools of the runs that are not.
    """

    def __init__(self, folder: Path, spool: Path) -> None:
        self.folder = folder
        self.spool = spool
        self._written: OrderedDict[str, Written] = OrderedDict()
        self._open: tuple[str, float, ArchiveFile] | None = None
        self._stack = contextlib.ExitStack()

    def answer(self, said: dict[str, Any]) -> Sequence[Buffer]:
        """Do what is asked; FileError if it can't be."""
        match said["do"]:
            case "list":
                return [orjson.dumps(listed(self.folder))]
            case "run":
                with open_archive(self.path(said["id"])) as archive:
                    found = contents(archive)
                if found["status"] == "unfinished" and not found["analyses"]:
                    found |= self.written(said["id"]).contents()
                return [orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)]
            case "frame":
                frame = self.archive(said["id"]).frame(int(said["number"]))
                return wire.encode(replace(frame, raw=()))
            case "result":
                return wire.encode(self.result(said))
            case "where":
                return [orjson.dumps(self.where(said))]
        raise FileError(f"there is no {said['do']!r}")

    def result(self, said: dict[str, Any]) -> Any:
        """One frame's result; of the first analysis where none is named."""
        from ..stream.nexus.single import frame_result

        archive = self.archive(said["id"])
        with reading(archive.path):
            names = list(archive.processes)
        if not names:
            number, written = int(said["number"]), self.written(said["id"])
            if (found := written.result(said.get("analysis", ""), number)) is None:
                raise FileError(f"{archive.path} has no result of frame {number} yet")
            return found
        return frame_result(archive, said.get("analysis") or names[0], int(said["number"]))

    def where(self, said: dict[str, Any]) -> dict[str, Any]:
        """Which dataset of the master holds a variable, or a channel where no analysis is named."""
        archive, number = self.archive(said["id"]), int(said["number"])
        if archive.entry is None:
            raise FileError(f"the archive of {said['id']} has no master yet: wait for its end")
        with reading(archive.path):
            place = (
                in_results(archive, said["analysis"], said["name"])
                if said["analysis"]
                else in_frames(archive.entry, said["name"], number)
            )
        return place | {"path": str(archive.path.resolve()), "number": number}

    def written(self, name: str) -> Written:
        """What is in the spool of a run that goes on."""
        self.path(name)  # a name, and no path
        if name not in self._written:
            self._written[name] = Written(self.spool / name)
            while len(self._written) > MOST_WRITTEN:
                self._written.popitem(last=False)[1].close()
        return self._written[name]

    def path(self, name: str) -> Path:
        """The master of an archive, or its folder while there is none."""
        if name.startswith(".") or "/" in name or "\0" in name:
            raise FileError(f"{name[:80]!r} is no archive")
        master = self.folder / f"{name}{SUFFIX}"
        return master if master.is_file() else self.folder / name

    def archive(self, name: str) -> ArchiveFile:
        """An open archive; that of a run that goes on is opened anew each time."""
        path = self.path(name)
        changed = path.stat().st_mtime if path.exists() else 0.0
        if self._open is None or self._open[:2] != (name, changed):
            self._stack.close()
            self._open = None
            archive = self._stack.enter_context(open_archive(path))
            self._open = (name, changed if archive.status != "unfinished" else -1.0, archive)
        return self._open[2]


def listed(folder: Path) -> list[tuple[str, str]]:
    """The archives in a folder, newest first, each with what changes when it does."""
    found: dict[str, list[int]] = {}
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            master = path.suffix == SUFFIX and path.is_file()
            if (master or path.is_dir()) and path.name[:8].isdigit():
                with contextlib.suppress(OSError):
                    said = path.stat()
                    mark = found.setdefault(path.stem if master else path.name, [])
                    mark += [said.st_mtime_ns, said.st_size]
    return sorted(((k, ",".join(map(str, sorted(v)))) for k, v in found.items()), reverse=True)


def contents(archive: ArchiveFile) -> dict[str, Any]:
    """What is in an archive, as `/api/v1/runs` tells it."""
    start, numbers, entry = archive.start, archive.numbers, archive.entry
    account = None if entry is None else entry["account"]
    analyses = {}
    with reading(archive.path):
        for name, process in archive.processes.items():
            analyses[name] = _found(process)
    return {
        "run": start.run,
        "source": start.source,
        "status": archive.status,
        "reason": text(account, "reason"),
        "start_time": text(entry, "start_time") or moment(start.time_ns).isoformat(),
        "end_time": text(entry, "end_time"),
        "frames": len(numbers),
        "first": numbers.first if len(numbers) else None,
        "last": numbers.stop - 1 if len(numbers) else None,
        "missing": sum(b - a + 1 for a, b in numbers.gaps(numbers.stop)),
        "shape": start.shape,
        "analyses": [
            {"name": name, "frames": len(good), "failed": failed}
            for name, (good, failed) in analyses.items()
        ],
        "path": str(archive.path),
        "problems": archive.problems,
        "numbers": numbers.ranges(),
        "results": {name: good.ranges() for name, (good, _) in analyses.items()},
        "channels": [
            {"name": name, "shape": kind.shape, "dtype": kind.dtype}
            for name, kind in archive.channels.items()
        ],
        "calibration": dict(start.calibration),
        "account": {} if account is None else parsed(account, "json"),
    }


def in_results(archive: ArchiveFile, analysis: str, name: str) -> dict[str, Any]:
    """A variable of an analysis, and the column with the frame numbers of its rows."""
    from ..stream.nexus.stored import stored

    process = archive.process(analysis)
    items = [item for item in stored(process) if item.name == name]
    if len(items) != 1:
        kinds = f"{len(items)} kinds" if items else "none"
        raise FileError(f"{archive.path} holds {kinds} of {name!r}; read_result gives them all")
    table = items[0].dims[0]
    numbers = f"{process.name}/frames/frame"
    if table != "frame":
        numbers = next(i.dataset.name for i in stored(process) if i.name == f"{table}_frame")
    return {
        **{"dataset": items[0].dataset.name, "numbers": numbers, "row": None},
        **{"table": table not in ("frame", "batch"), "rows": table},
    }


def in_frames(entry: Any, channel: str, number: int) -> dict[str, Any]:
    """The images of a channel, where the row of a frame is its number."""
    groups = [g for g in entry["instrument"].values() if hasattr(g, "keys") and "data" in g]
    for group in groups:
        if group["data"].attrs.get("channel") == channel and number < group["data"].shape[0]:
            said = {"dataset": group["data"].name, "numbers": None, "row": number}
            return {**said, "table": False, "rows": "frame number"}
    for dataset in entry["far_frames"].values() if "far_frames" in entry else ():
        if dataset.attrs.get("channel") == channel:
            numbers = "/entry/far_frames/frame_number"
            said = {"dataset": dataset.name, "numbers": numbers, "row": None}
            return {**said, "table": False, "rows": "see frame_number"}
    raise FileError(f"frame {number} is in no closed segment yet: wait for the run's end")


def _found(process: Any) -> tuple[Numbers, int]:
    """The frames with a result, and the number of those with an error instead."""
    frame = process["frames"].get("frame", ())
    good = Numbers(int(number) for number in frame[:])
    failed = {number for line in lines(process["frames"], "errors") for number in line["frames"]}
    return good, len(failed)


def main() -> int:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = Path(sys.argv[1])
    reader = Reader(folder, Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "spool")
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            parts = reader.answer(orjson.loads(line))
        except (StreamError, OSError, ValueError, KeyError, MemoryError) as error:
            parts = [orjson.dumps({"error": str(error) or type(error).__name__})]
        views = [memoryview(part).cast("B") for part in parts]
        out.write(len(views).to_bytes(8, "little"))
        out.write(b"".join(view.nbytes.to_bytes(8, "little") for view in views))
        for view in views:
            out.write(view)
        out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

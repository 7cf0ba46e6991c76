"""Results of a run that is still being written: in the log of its spool.

Until the run is closed, the file with its results can't be opened by anyone but the archiver.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..stream.errors import FileError, SpoolError
from ..stream.framenumbers import Numbers
from ..stream.messages import Result
from ..stream.spool import LogReader, Mark, Place, Record, message_of
from ..stream.spool.segment import numbers, path_of

LOG = "log"


class Written:
    """The results in the spool of one run, by analysis and frame; the log may grow meanwhile."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self._log = LogReader(spool, LOG)
        self._seen = Mark(0, 0)
        self._places: dict[str, dict[int, Place]] = {}
        self._good: dict[str, Numbers] = {}

    def look(self) -> None:
        """Note what was written since the last look; of records, only heads are read."""
        try:
            there = numbers(self.spool, LOG)
            if there:
                end = Mark(there[-1], path_of(self.spool, LOG, there[-1]).stat().st_size)
                for mark, record in self._log.read(self._seen, end):
                    self._seen = mark
                    self._note(record)
        except (OSError, SpoolError):
            return  # the run was closed meanwhile: its archive has everything

    def _note(self, record: Record) -> None:
        head = record.head
        if record.kind != "result" or not isinstance(head.get("frames"), list):
            return
        name = str(head.get("analysis"))
        places = self._places.setdefault(name, {})
        good = self._good.setdefault(name, Numbers())
        for number in head["frames"]:
            places[int(number)] = record.place
            if head.get("error") is None:
                good.add(int(number))

    def result(self, analysis: str, number: int) -> Result | None:
        """The last result of a frame, None if there is none yet; the first analysis if unnamed.

        FileError if it can't be read.
        """
        self.look()
        places = self._places.get(analysis or next(iter(self._places), ""), {})
        if number not in places:
            return None
        try:
            record = self._log.at(places[number])
            record.check()
            message = message_of(record)
        except SpoolError as error:
            raise FileError(str(error)) from error
        return message if isinstance(message, Result) else None

    def contents(self) -> dict[str, Any]:
        """Which frames have results, as `archives.contents` tells it."""
        self.look()
        failed = {name: len(self._places[name]) - len(good) for name, good in self._good.items()}
        return {
            "analyses": [
                {"name": name, "frames": len(good), "failed": failed[name]}
                for name, good in self._good.items()
            ],
            "results": {name: good.ranges() for name, good in self._good.items()},
        }

    def close(self) -> None:
        """Let go of the files."""
        self._log.close()

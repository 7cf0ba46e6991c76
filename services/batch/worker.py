"""A worker of a batch: one frame in hand at a time; JSON lines in, JSON lines out.

    {"do": "analyse", "path": ..., "index": 0, "pixel_size": null, "settings": {...}, "to": FILE}
    {"do": "draw", "path": ..., "index": 0, "pixel_size": null, "result": FILE, "to": STEM}

The answer has the `id` of the job, and `error` in words, or null. It ends with its stdin: a worker
whose batch was killed finishes the frame in hand, and no more.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr

from ... import __version__
from ...analysis import operators
from ...analysis.operators import AnalysisError
from ...stream.decompress import decode
from ...stream.errors import FileError, StreamError
from ...stream.files import Recording, open_file
from ...stream.messages import Frame, Result
from ..library import chosen_folder, gifts
from ..outcome import InvalidResultError, validated
from ..pixels import calibration_of, digest
from . import technique
from .items import SOURCE
from .store import put_result, result_in

Job = Mapping[str, Any]


def main() -> int:
    """Work until stdin ends: `python -m beamside.services.batch.worker TECHNIQUE`."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints is no answer
    work = Worker(sys.argv[1])
    for line in sys.stdin.buffer:
        job = orjson.loads(line)
        answers.write(orjson.dumps(work.answer(job)) + b"\n")
    return 0


class Worker:
    """Reads a frame, and analyses or draws it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: tuple[tuple[str, Any], Recording] | None = None
        self._operators: dict[bytes, operators.Operator] = {}

    def answer(self, job: Job) -> dict[str, Any]:
        """Do one job; whatever goes wrong costs this frame only."""
        began = time.perf_counter()
        said: dict[str, Any] = {"id": job["id"], "error": None, "broken": False}
        try:
            frame, recording = self._frame(job)
            if job["do"] == "draw":
                said["files"] = self._draw(job, frame)
            else:
                said["error"] = self._analyse(job, frame, recording)
        except (FileError, StreamError) as error:
            said |= {"error": str(error), "broken": True}
        except Exception as error:
            said |= {"error": f"{type(error).__name__}: {error}", "broken": True}
        said["seconds"] = round(time.perf_counter() - began, 4)
        said["memory_mb"] = resident_mb()
        return said

    def _frame(self, job: Job) -> tuple[Frame, Recording]:
        size = job["pixel_size"]
        which = (job["path"], size)
        if self._open is None or self._open[0] != which:
            if self._open is not None:
                self._open[1].close()
                self._open = None
            given = tuple(size) if isinstance(size, list) else size
            recording = open_file(Path(job["path"]), source=SOURCE, pixel_size=given)
            self._open = (which, recording)
        return self._open[1].frame(job["index"]), self._open[1]

    def _analyse(self, job: Job, frame: Frame, recording: Recording) -> str | None:
        """Keep what the analysis says, or why it says nothing; give the latter."""
        settings = job["settings"]
        name = orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)
        if name not in self._operators:
            self._operators.clear()
            self._operators[name] = operators.load(self._name, settings, gifts(chosen_folder()))
        calibration = dict(recording.start.calibration)
        began = time.perf_counter()
        data, error, failure, same = xr.Dataset(), None, {}, {}
        try:
            image = pixels(frame)
            same = {"pixels": digest(image)}
            known = calibration_of(calibration)
            data = validated(self._operators[name](image[np.newaxis], known), 1)
        except AnalysisError as trouble:
            error, failure = str(trouble), {"failure": "not_analysable"}
        except InvalidResultError as trouble:
            error, failure = str(trouble), {"failure": "not_valid"}
        result = Result(
            source=SOURCE,
            run=recording.start.run,
            frames=(frame.number,),
            analysis=self._name,
            data=data,
            provenance={
                "program": "beamside",
                "version": __version__,
                "settings": settings,
                "calibration": calibration,
                "device": "cpu",
                **failure,
                **same,
            },
            error=error,
            done_ns=time.time_ns(),
            seconds=time.perf_counter() - began,
        )
        put_result(Path(job["to"]), result)
        return error

    def _draw(self, job: Job, frame: Frame) -> list[str]:
        result = result_in(Path(job["result"]))
        made = technique.load(self._name, job["settings"])
        return [str(path) for path in made.draw(pixels(frame), result, Path(job["to"]))]


def pixels(frame: Frame) -> np.ndarray:
    """Unpack the first image[y, x] of a frame."""
    return decode(next(iter(frame.channels.values())))


def resident_mb() -> float:
    """Memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())

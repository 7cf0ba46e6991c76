"""Our own archive as a recorded file: every frame that came, under its own number."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py

from ..errors import FileError
from ..messages import Frame
from ..nexus import open_archive
from .calibration import PixelSize, Scale, pixel_calibration
from .recording import Recording, run_name

KIND = "an archive of beamside"


def is_archive(path: Path) -> bool:
    """Tell whether an HDF5 file is an archive of ours."""
    with h5py.File(path, "r") as file:
        return "entry/account/format" in file


def recording(path: Path, source: str, given: PixelSize | None) -> Recording:
    """Open an archive; what was missing is missing again, because the numbers are kept.

    Channels, calibration, metadata and arrays come again as they were recorded; `given` in nm
    replaces the pixel size. FileError if there is no frame in it.
    """
    with ExitStack() as opened:
        archive = opened.enter_context(open_archive(path))
        numbers = list(archive.numbers)
        if not numbers:
            raise FileError(f"{path} is an archive without frames")
        start, run = archive.start, run_name(path)

        def read(index: int) -> Frame:
            frame = archive.frame(numbers[index])
            return replace(frame, source=source, run=run, detector_ns=None, received_ns=0)

        metadata = {
            **start.metadata,
            "file": path.name,
            "format": KIND,
            "recorded_source": start.source,
            "recorded_run": start.run,
        }
        calibration = dict(start.calibration)
        if given is not None:
            calibration |= pixel_calibration(path, _scale(calibration), given)
        start = replace(
            start, source=source, run=run, calibration=calibration, metadata=metadata, time_ns=0
        )
        return Recording(path, KIND, start, len(numbers), read, opened.pop_all().close)


def _scale(calibration: dict[str, Any]) -> Scale | None:
    size = calibration.get("pixel_size_nm")
    if not isinstance(size, list) or len(size) != 2:
        return None
    return Scale((size[0], size[1]), ("nm", "nm"), "archive")

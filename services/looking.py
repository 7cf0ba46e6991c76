"""What the analysis `hrtem` says of archived frames, and of image files that it looks at first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from ..analysis.operators import AnalysisError, Calibration, Operator
from ..stream.decompress import decode
from ..stream.errors import FileError
from ..stream.files import PixelSize, open_file
from ..stream.files.formats import split
from ..stream.nexus import read_result
from ..stream.nexus.names import SUFFIX
from .pixels import calibration_of

ANALYSIS = "hrtem"
APART = 1_000_000
"""Between the frame numbers of one file and the next: they are frames of one session."""

Looker = Callable[[Path], Iterator[tuple[xr.Dataset, int]]]
"""Results on the images of a file, with the number of each."""

Said = Iterator[tuple[xr.Dataset, list[int]]]


def results(paths: Sequence[Path], look: Looker) -> Said:
    """What is said of the frames of each archive or image file; FileError if that is nothing."""
    for n, path in enumerate(paths):
        if split(path)[0].suffix.lower() != SUFFIX:
            for data, number in look(path):
                if "grain" in data.dims and data.sizes["grain"]:
                    yield data, [n * APART + number]
            continue
        data = read_result(path, ANALYSIS)
        if "spot_frame" not in data:
            raise FileError(f"{path}: no spots were found in its frames; name other archives")
        if "grain" not in data.dims:
            continue  # spots, but no grain in any frame: nothing to learn from
        yield as_batch(data, n)


def as_batch(data: xr.Dataset, n: int) -> tuple[xr.Dataset, list[int]]:
    """All results of the n-th archive as of one batch, and what its frames are called.

    In the archive a spot names the number of its frame, not its place in a batch.
    """
    numbers, first = np.unique(data["frame"].values, return_index=True)
    placed = {
        name: data[name].copy(data=np.searchsorted(numbers, data[name].values))
        for name in ("spot_frame", "grain_frame")
    }
    said = data.isel(frame=first).assign(placed)
    return said, [n * APART + int(number) for number in numbers]


def looker(operator: Operator, pixel_size: PixelSize | None, uncalibrated: bool) -> Looker:
    """Analyse the images of files, by what they say of a pixel, by `pixel_size`, or without any."""

    def look(path: Path) -> Iterator[tuple[xr.Dataset, int]]:
        with open_file(path, source=ANALYSIS, pixel_size=pixel_size) as recording:
            known = calibration_of(recording.start.calibration)
            if uncalibrated:
                known = Calibration(voltage=known.voltage, temperature=known.temperature)
            elif known.pixel_size is None:
                raise FileError(
                    f"{path}: it says no pixel size: give one with --pixel-size VALUEunit, or do "
                    "without by --uncalibrated"
                )
            for frame in recording.frames():
                image = decode(next(iter(frame.channels.values())))
                try:
                    yield operator(image[None], known), frame.number
                except AnalysisError as error:
                    raise FileError(f"{path}: {error}") from error

    return look

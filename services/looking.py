"""What the analysis `hrtem` says of archived frames, and of image files that it looks at first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from ..analysis.operators import AnalysisError, Calibration, Operator
from ..stream.decompress import decode
from ..stream.errors import FileError, StreamError
from ..stream.files import PixelSize, open_file
from ..stream.files.formats import split
from ..stream.nexus import read_result
from ..stream.nexus.names import SUFFIX
from .pixels import calibration_of, digest

ANALYSIS = "hrtem"
APART = 1_000_000
"""Between the frame numbers of one file and the next: they are frames of one session."""

SHOWN = 5
"""Of many files with the same trouble, so many are named."""

Looker = Callable[[Path], Iterator[tuple[xr.Dataset, int, str]]]
"""Results on the images of a file, with the number of each and what stands for its pixels."""

Said = Iterator[tuple[xr.Dataset, list[int]]]


@dataclass(slots=True)
class Account:
    """What became of the files that were named."""

    used: list[Path] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Files that can't be used, and why."""
    same: dict[str, str] = field(default_factory=dict)
    """Images that are those of another file, byte for byte: they are no evidence of their own."""
    _seen: dict[str, str] = field(default_factory=dict)

    def new(self, pixels: str, name: str) -> bool:
        """Whether nobody has shown these pixels yet."""
        first = self._seen.setdefault(pixels, name)
        if first != name:
            self.same[name] = first
        return first == name


def results(paths: Sequence[Path], look: Looker, account: Account) -> Said:
    """What is said of the frames of each archive or image file.

    What can't be used is named in `account`, and left out; FileError if nothing is left.
    """
    for n, path in enumerate(paths):
        try:
            yield from _of_file(path, n, look, account)
            account.used.append(path)
        except (FileError, StreamError) as error:
            account.refused[str(path)] = str(error)
    if not account.used:
        raise FileError("\n".join([*account.refused.values()][:SHOWN]))


def _of_file(path: Path, n: int, look: Looker, account: Account) -> Said:
    if split(path)[0].suffix.lower() != SUFFIX:
        for data, number, pixels in look(path):
            name = str(path) if number == 0 else f"{path} frame {number}"
            if account.new(pixels, name) and data.sizes.get("grain"):
                yield data, [n * APART + number]
        return
    data = read_result(path, ANALYSIS)
    if "spot_frame" not in data:
        raise FileError(f"{path}: no spots were found in its frames; name other archives")
    if "grain" in data.dims:  # else spots, but no grain in any frame: nothing to learn from
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

    def look(path: Path) -> Iterator[tuple[xr.Dataset, int, str]]:
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
                    yield operator(image[None], known), frame.number, digest(image)
                except AnalysisError as error:
                    raise FileError(f"{path}: {error}") from error

    return look

"""One recorded file as one run: its start, and its frames one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..messages import Frame, Pixels, RunStart
from .calibration import PixelSize, pixel_calibration
from .contents import Images, check_size, pack, travelling
from .guard import reading

_LONGEST_LIST = 1000
"""In metadata; more is data, and is left out."""
UNCALIBRATED = "uncalibrated: the file says no pixel size (give one with --pixel-size VALUEunit)"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded file as one run; close it, or use it in a `with`."""

    path: Path
    kind: str
    """The format, in words."""
    start: RunStart
    count: int
    """How many frames are in the file."""
    read: Callable[[int], Frame]
    release: Callable[[], None]

    def frames(self) -> Iterator[Frame]:
        """Give the frames, each read from the file when it is asked for.

        `received_ns` is 0 and `detector_ns` None: the source that sends them on stamps them.
        FileError if an image can't be read; the ones before it were good.
        """
        for index in range(self.count):
            yield self.frame(index)

    def frame(self, index: int) -> Frame:
        """Read one frame, by its place in the file."""
        with reading(self.path, self.kind):
            return self.read(index)

    def close(self) -> None:
        """Let go of the file."""
        with reading(self.path, self.kind):
            self.release()

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def record(
    path: Path, inside: str | None, kind: str, images: Images, source: str, given: PixelSize | None
) -> Recording:
    """Make a Recording of what a reader found; FileError if it can't travel as it is."""
    check_size(path, images.count, images.shape)
    calibration = _calibration(path, images, given)
    metadata = {**plain(images.metadata), "file": path.name, "format": kind}
    if "pixel_size_nm" not in calibration:
        metadata["note"] = "; ".join(filter(None, [metadata.get("note"), UNCALIBRATED]))
    start = RunStart(
        source=source,
        run=run_name(path, inside),
        expected=images.count,
        shape=images.shape,
        dtype=travelling(path, images.dtype),
        calibration=calibration,
        metadata=metadata,
    )

    def read(index: int) -> Frame:
        image = images.read(index)
        if not isinstance(image, Pixels):
            image = pack(path, image, images.shape, start.dtype or "")
        return Frame(source, start.run, index, {"data": image})

    return Recording(path, kind, start, images.count, read, images.close)


def _calibration(path: Path, images: Images, given: PixelSize | None) -> dict[str, Any]:
    calibration = pixel_calibration(path, images.scale, given)
    if images.voltage is not None:
        calibration["voltage_kV"] = float(images.voltage)
    if images.temperature is not None:
        calibration["temperature_K"] = float(images.temperature)
    if calibration:
        calibration.setdefault("origin", "header, which says no pixel size")
    return calibration


def run_name(path: Path, inside: str | None = None) -> str:
    """Name the run: the file's stem and 8 digits that change with its place, size and date.

    So the same file replayed is the same run, and a file written anew under an old name is not.
    """
    stat = path.stat()
    key = f"{path.resolve()}|{inside or ''}|{stat.st_size}|{stat.st_mtime_ns}"
    return (
        f"{path.stem}-{hashlib.blake2b(key.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"
    )


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what JSON can say: text, numbers, lists of them that are not data, maps of these."""
    kept = {str(key): _plain(value) for key, value in metadata.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        value = value.tolist() if value.size <= _LONGEST_LIST else None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value] if len(value) <= _LONGEST_LIST else None
    return value if isinstance(value, str | int | float | bool) else None

"""Which frames the archive takes, and the bytes it stores of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import WireError
from ..framenumbers import Numbers
from ..messages import Frame, Pixels
from .payload import Chunk, chunk

HIGHEST = (1 << 63) - 2


class Intake:
    """What a run's frames have in common, and which were there already."""

    def __init__(self, most_channels: int) -> None:
        self._most_channels = most_channels
        self.kinds: dict[str, tuple[tuple[int, int], str]] = {}
        """(ny, nx) and dtype of each channel so far."""
        self._taken = Numbers()

    def known(
        self, kinds: Mapping[str, tuple[tuple[int, int], str]], numbers: Iterable[int]
    ) -> None:
        """Take note of frames that are in the archive already."""
        for name, kind in kinds.items():
            self.kinds.setdefault(name, kind)
        for number in numbers:
            self._taken.add(number)

    def take(self, frame: Frame, crcs: Mapping[str, int] | None, checked: bool) -> dict[str, Chunk]:
        """Give the chunk of each channel; WireError if the frame can't be kept."""
        try:
            chunks = self._chunks(frame, crcs, checked)
        except WireError as error:
            raise WireError(
                error.reason, error.detail, run=frame.run, number=frame.number
            ) from error
        for name, made in chunks.items():
            if name not in self.kinds:
                self.kinds[name] = (made.shape, made.dtype)
        self._taken.add(frame.number)
        return chunks

    def _chunks(
        self, frame: Frame, crcs: Mapping[str, int] | None, checked: bool
    ) -> dict[str, Chunk]:
        if not 0 <= frame.number <= HIGHEST:
            raise WireError("bad_number", f"{frame.number} can't be a frame's number")
        if frame.number in self._taken:
            raise WireError("double", f"frame {frame.number} is in the archive already")
        fresh = len(frame.channels.keys() - self.kinds.keys())
        if not frame.channels or (fresh and len(self.kinds) + fresh > self._most_channels):
            raise WireError(
                "bad_channels",
                f"{len(frame.channels)} channels; allowed are 1 to {self._most_channels} a run",
            )
        for name, pixels in frame.channels.items():
            kind = self.kinds.get(name)
            if kind is not None and (pixels.shape, pixels.dtype) != kind:
                raise _unlike(pixels, *kind)
        return {n: chunk(n, pixels, crcs, checked) for n, pixels in frame.channels.items()}


def _unlike(pixels: Pixels, shape: tuple[int, int], dtype: str) -> WireError:
    if pixels.shape != shape:
        return WireError("bad_shape", f"{pixels.shape} where the run's first was {shape}")
    return WireError("bad_dtype", f"{pixels.dtype} where the run's first was {dtype}")

"""Which frames the archive takes, and the bytes it stores of them."""

from __future__ import annotations

from ..errors import WireError
from ..framenumbers import Numbers
from ..messages import Buffer, Frame, Pixels
from .frames import storable

HIGHEST = (1 << 63) - 2


class Intake:
    """What a run's frames have in common, and which were there already."""

    def __init__(self, most_channels: int) -> None:
        self._most_channels = most_channels
        self._kinds: dict[str, tuple[tuple[int, int], str]] = {}
        self._taken = Numbers()

    def take(self, frame: Frame) -> dict[str, tuple[Buffer, int]]:
        """Give the chunk and filter mask of each channel; WireError if the frame can't be kept."""
        try:
            chunks = self._chunks(frame)
        except WireError as error:
            raise WireError(
                error.reason, error.detail, run=frame.run, number=frame.number
            ) from error
        for name, pixels in frame.channels.items():
            self._kinds.setdefault(name, (pixels.shape, pixels.dtype))
        self._taken.add(frame.number)
        return chunks

    def _chunks(self, frame: Frame) -> dict[str, tuple[Buffer, int]]:
        if not 0 <= frame.number <= HIGHEST:
            raise WireError("bad_number", f"{frame.number} can't be a frame's number")
        if frame.number in self._taken:
            raise WireError("double", f"frame {frame.number} is in the archive already")
        channels = self._kinds.keys() | frame.channels.keys()
        if not frame.channels or len(channels) > self._most_channels:
            raise WireError(
                "bad_channels",
                f"{len(frame.channels)} channels; allowed are 1 to {self._most_channels} a run",
            )
        return {name: self._chunk(name, pixels) for name, pixels in frame.channels.items()}

    def _chunk(self, channel: str, pixels: Pixels) -> tuple[Buffer, int]:
        shape, dtype = self._kinds.get(channel, (pixels.shape, pixels.dtype))
        if pixels.shape != shape:
            raise WireError("bad_shape", f"{pixels.shape} where the run's first was {shape}")
        if pixels.dtype != dtype:
            raise WireError("bad_dtype", f"{pixels.dtype} where the run's first was {dtype}")
        return storable(pixels)

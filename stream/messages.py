"""All that travels: a run starts, frames come, results follow, the run stops.

Everything is correlated by `(source, run, frame number)`, never by order of arrival or clock.
Arrays are `[y, x]`, row major; `shape` is always `(ny, nx)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from .labels import Labels, labels_of

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

Buffer: TypeAlias = bytes | bytearray | memoryview
Json: TypeAlias = Mapping[str, Any]
NOTHING: Json = MappingProxyType({})


def nothing() -> Json:
    """The empty mapping; Python 3.11 takes a mapping proxy only from a factory."""
    return NOTHING


ENCODINGS = ("raw", "lz4", "lz4-hdf5", "bslz4")
"""How pixels are packed: raw little endian; one bare LZ4 block (SIMPLON V1 `lz4<`); LZ4 in HDF5
framing (stream2 `lz4`); bitshuffle-LZ4 in HDF5 framing with its 12-byte head (everyone's)."""

DTYPES = ("|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8")
"""The pixel types that may travel, as numpy spells them."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """One image as the detector sent it: packed bytes, and how to unpack them."""

    shape: tuple[int, int]
    """(ny, nx)"""
    dtype: str
    """One of DTYPES."""
    encoding: str
    """One of ENCODINGS."""
    data: Buffer
    """The payload, untouched."""

    @property
    def nbytes(self) -> int:
        """Bytes of the payload as it travels."""
        return memoryview(self.data).nbytes


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run (series) begins."""

    source: str
    """Name of the stream, from the settings."""
    run: str
    """The detector's series id, or unique id where there is one; unique within a source."""
    expected: int | None = None
    """How many frames the detector announced; None when open-ended."""
    shape: tuple[int, int] | None = None
    """(ny, nx) if announced."""
    dtype: str | None = None
    """One of DTYPES if announced."""
    channels: tuple[str, ...] = ("data",)
    """Names of the images in each frame (thresholds); most detectors have one, called `data`."""
    calibration: Json = field(default_factory=nothing)
    """What the pixels measure: `pixel_size_nm` [y, x], `voltage_kV`, `temperature_K`, and
    `origin` (where it comes from, in words). Absent keys are unknown, never assumed."""
    metadata: Json = field(default_factory=nothing)
    """Everything else the detector said, under its own names."""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Arrays that came with the start: flatfield, pixel_mask, countrate_table."""
    time_ns: int = 0
    """Unix time of the start on this machine's clock."""
    raw: tuple[tuple[Buffer, ...], ...] = field(default=(), compare=False, repr=False)
    """The multiparts it came in, as they were received; none if it came from a file."""
    wire: str = field(default="", compare=False, repr=False)
    """The scheme of those multiparts: dectris, stream2 or beamside."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One exposure: one image for each channel, still packed."""

    source: str
    run: str
    number: int
    """Counted from 0 by the detector."""
    channels: Mapping[str, Pixels]
    metadata: Json = field(default_factory=nothing)
    """What came with the frame: exposure times, appendix."""
    detector_ns: int | None = None
    """Unix time of the end of the exposure by the detector's clock; None when it has none."""
    received_ns: int = 0
    """Unix time of the arrival at this machine."""
    raw: tuple[tuple[Buffer, ...], ...] = field(default=(), compare=False, repr=False)
    """The multiparts it came in, as they were received; none if it came from a file."""
    wire: str = field(default="", compare=False, repr=False)
    """The scheme of those multiparts: dectris, stream2 or beamside."""

    @property
    def nbytes(self) -> int:
        """Bytes of all payloads as they travel."""
        return sum(pixels.nbytes for pixels in self.channels.values())


class _Data:
    """The field `data` of a result: what came as Labels becomes a Dataset when it is asked for."""

    def __get__(self, result: Any, owner: type | None = None) -> xr.Dataset:
        if result is None:
            raise AttributeError("data")  # so that the field has no default
        data = result.__dict__["data"]
        if isinstance(data, Labels):
            data = result.__dict__["data"] = data.dataset()
        return data  # type: ignore[no-any-return]

    def __set__(self, result: Any, data: xr.Dataset | Labels) -> None:
        result.__dict__["data"] = data


@dataclass(frozen=True)
class Result:
    """What an analysis found in one or several frames of one run."""

    source: str
    run: str
    frames: tuple[int, ...]
    """The frame numbers, in the order of the dimension `frame` of `data`."""
    analysis: str
    data: _Data = _Data()
    """Labelled arrays, an xarray.Dataset (DESIGN: results are labelled arrays)."""
    provenance: Json = field(default_factory=nothing)
    """`version`, `settings`, `device`, hashes of databases and models, `calibration`."""
    error: str | None = None
    """Why there is no result; `data` is then empty."""
    detector_ns: int | None = None
    """Of the oldest frame in it."""
    received_ns: int = 0
    """Of the oldest frame in it."""
    done_ns: int = 0
    """Unix time at which the analysis was done."""
    seconds: float = 0.0
    """How long the analysis took."""

    @property
    def labels(self) -> Labels:
        """The arrays of `data`, without making a Dataset of what came over a wire."""
        data = self.__dict__["data"]
        return data if isinstance(data, Labels) else labels_of(data)


@dataclass(frozen=True, slots=True)
class RunStop:
    """A run ends; sent on by ingest, it carries the account of the run's frames."""

    source: str
    run: str
    status: str = "complete"
    """complete | aborted | incomplete"""
    reason: str = ""
    """In words, for people."""
    account: Json = field(default_factory=nothing)
    """See `ledger.Account.as_json`."""
    time_ns: int = 0
    raw: tuple[tuple[Buffer, ...], ...] = field(default=(), compare=False, repr=False)
    """The multiparts it came in, as they were received; none if it came from a file."""
    wire: str = field(default="", compare=False, repr=False)
    """The scheme of those multiparts: dectris, stream2 or beamside."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that could not be understood, named so that it can be counted."""

    source: str
    reason: str
    detail: str
    run: str | None = None
    number: int | None = None


Message: TypeAlias = RunStart | Frame | Result | RunStop
"""What a bus carries."""

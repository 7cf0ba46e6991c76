"""The NeXus tree around the data of a run: entry, instrument, header, account, what to plot.

    /entry                     NXentry: title, start_time, end_time, entry_identifier (the run)
    /entry/data                NXdata of the frames; one more for each further channel
    /entry/instrument/SOURCE   NXdetector: data [n, ny, nx], pixel_mask, flatfield; a channel that
                               is not called `data` has its own, SOURCE_CHANNEL
    /entry/frames              a row a frame: frame_valid, frame_number, times, crc32
    /entry/far_frames          the same and the data of frames with wild numbers, if there are any
    /entry/header              what the detector said at the start, and its arrays
    /entry/account             what became of every frame, status, the list of segments
    /entry/ANALYSIS            NXprocess: see results.py

A segment file has entry and header too, so that it can be understood alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import h5py
import numpy as np

from ... import __version__
from ..messages import RunStart, RunStop
from .columns import BSLZ4, PACKED_FROM, plain_text, put_text, to_json
from .names import free_name, moment, valid_name

FORMAT = "beamside-archive-2"
FAR_PLOT = "far_data"
Make: TypeAlias = Callable[[h5py.Group, str], h5py.Dataset]
"""Makes a dataset in a group, by a name."""


def put_group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    """Make a group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def begin(file: h5py.File, start: RunStart) -> h5py.Group:
    """Write what is known of a run at its start, but for the arrays; give `/entry`."""
    time = moment(start.time_ns).isoformat()
    file.attrs["NX_class"] = "NXroot"
    file.attrs["creator"] = "beamside"
    file.attrs["creator_version"] = __version__
    file.attrs["file_time"] = time
    file.attrs["HDF5_Version"] = h5py.version.hdf5_version
    file.attrs["h5py_version"] = h5py.version.version
    file.attrs["default"] = "entry"
    entry = put_group(file, "entry", "NXentry")
    put_text(entry, "title", f"{start.source}: run {start.run}")
    put_text(entry, "entry_identifier", start.run)
    put_text(entry, "start_time", time)
    put_text(entry, "program_name", "beamside").attrs["version"] = __version__
    _header(put_group(entry, "header", "NXcollection"), start)
    return entry


def begin_master(file: h5py.File, start: RunStart, *, arrays: bool) -> h5py.Group:
    """Write the same and what stands only in a master; give `/entry`."""
    entry = begin(file, start)
    instrument = put_group(entry, "instrument", "NXinstrument")
    put_text(instrument, "name", start.source)
    put_text(put_group(entry, "account", "NXcollection"), "format", FORMAT)
    if arrays:
        _arrays(entry["header"], start)
    return entry


def _header(header: h5py.Group, start: RunStart) -> None:
    put_text(header, "source", start.source)
    put_text(header, "run", start.run)
    header["start_ns"] = int(start.time_ns) if abs(start.time_ns) < 1 << 63 else 0
    put_text(header, "metadata", to_json(start.metadata).decode())
    put_text(header, "calibration", to_json(start.calibration).decode())
    if start.expected is not None:
        header["expected"] = min(start.expected, np.iinfo(np.int64).max)


def _arrays(header: h5py.Group, start: RunStart) -> None:
    for name, array in start.arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            continue
        packs = array.ndim and array.nbytes >= PACKED_FROM and array.dtype.kind != "b"
        packed = BSLZ4 if packs else {}
        dataset = header.create_dataset(free_name(str(name), header), data=array, **packed)
        dataset.attrs["name"] = plain_text(str(name))


def place_channel(
    entry: h5py.Group, start: RunStart, channel: str, images: Make, numbers: Make
) -> None:
    """Make the NXdetector of a channel, its images in it, and the NXdata that plots them."""
    usual = channel == "data"
    instrument = entry["instrument"]
    name = start.source if usual else f"{start.source}_{channel}"
    detector = put_group(instrument, free_name(name, instrument), "NXdetector")
    dataset = images(detector, "data")
    _link_arrays(entry["header"], detector, channel, dataset.shape[1:])
    plot = "data" if "data" not in entry else free_name(f"data_{channel}", entry)
    _plot_frames(put_group(entry, plot, "NXdata"), dataset, numbers, start.calibration)
    if entry.attrs.get("default", FAR_PLOT) == FAR_PLOT:
        entry.attrs["default"] = plot


def place_far_channel(
    entry: h5py.Group, start: RunStart, channel: str, images: Make, numbers: Make
) -> None:
    """Make the dataset of a channel for frames far beyond the others."""
    group = entry["far_frames"]
    dataset = images(group, free_name(channel, group))
    if FAR_PLOT not in entry:
        _plot_frames(put_group(entry, FAR_PLOT, "NXdata"), dataset, numbers, start.calibration)
        if "default" not in entry.attrs:
            entry.attrs["default"] = FAR_PLOT


def _link_arrays(
    header: h5py.Group, detector: h5py.Group, channel: str, shape: tuple[int, ...]
) -> None:
    for field, kinds in (("pixel_mask", "iu"), ("flatfield", "f")):
        for name in (f"{field}_{valid_name(channel)}", field):
            array = header.get(name)
            if array is not None and array.shape == shape and array.dtype.kind in kinds:
                array.attrs["target"] = array.name
                detector[field] = array
                break


def _plot_frames(
    plot: h5py.Group, dataset: h5py.Dataset, numbers: Make, calibration: Mapping[str, Any]
) -> None:
    dataset.attrs["target"] = dataset.name
    plot["data"] = dataset
    numbers(plot, "frame_number")
    plot.attrs["signal"] = "data"
    plot.attrs["axes"] = ["frame_number", "y", "x"]
    for index, axis in enumerate(("frame_number", "y", "x")):
        plot.attrs[f"{axis}_indices"] = index
    size = pixel_size(calibration)
    for index, axis in enumerate("yx"):
        step = 1.0 if size is None else size[index]
        plot[axis] = (np.arange(dataset.shape[index + 1]) + 0.5) * step
        plot[axis].attrs["units"] = "px" if size is None else "nm"
        plot[axis].attrs["long_name"] = f"{axis}, centre of the pixel from the image's corner"


def pixel_size(calibration: Mapping[str, Any]) -> tuple[float, float] | None:
    """Give (y, x) in nm per pixel, or None where that is unknown or makes no sense."""
    try:
        y, x = (float(size) for size in calibration["pixel_size_nm"])
    except (KeyError, TypeError, ValueError):
        return None
    return (y, x) if 0 < y < np.inf and 0 < x < np.inf else None


def end(entry: h5py.Group, stop: RunStop) -> None:
    """Write how the run ended and what became of its frames."""
    put_text(entry, "end_time", moment(stop.time_ns).isoformat())
    account = entry["account"]
    put_text(account, "status", stop.status)
    put_text(account, "reason", stop.reason)
    put_text(account, "json", to_json(stop.account).decode())
    for key, value in stop.account.items():
        name = valid_name(str(key))
        if type(value) is int and abs(value) < 1 << 63 and name not in account:
            account[name] = value

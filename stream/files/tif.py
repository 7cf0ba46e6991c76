"""TIFF, by tifffile: plain, ImageJ's and OME's, one page at a time."""

from __future__ import annotations

import html
import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from ..errors import FileError
from .calibration import Scale
from .contents import GREY, Images, Read, check_size, stored_raw, to_grey
from .guard import quiet

_RESOLUTION_UNITS = {2: ("inch", 2.54), 3: ("cm", 1.0)}
_FINEST_PRINT_CM = 1e-4
"""Programs write 72 or 300 dpi into any TIFF. A pixel below 1 um is no printer's."""


def images(path: Path, inside: str | None = None) -> Images:
    """Find the first series of equal images; colours become grey, and `note` says so.

    The pixel size is OME's, ImageJ's or that of the resolution tags, if it is finer than print.
    """
    with quiet():
        file = tifffile.TiffFile(path)
    try:
        with quiet():
            return _images(path, file)
    except BaseException:
        file.close()
        raise


def _images(path: Path, file: tifffile.TiffFile) -> Images:
    _check_chain(path, file)
    if not file.series:
        raise FileError(f"{path} holds no image")
    series = file.series[0]
    sizes = dict(zip(series.axes, series.shape, strict=True))
    ny, nx = sizes.pop("Y", 0), sizes.pop("X", 0)
    colours = sizes.pop("S", 1)
    count = math.prod(sizes.values())
    check_size(path, count, (ny, nx))
    metadata: dict[str, Any] = {"axes": series.axes, "kind": series.kind}
    notes = [GREY] if colours > 1 else []
    if len(file.series) > 1:
        notes.append(f"the first of {len(file.series)} series in the file")
    page = file.pages.first
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        notes.append("0 is white in this file; the values are as stored")
    scale, note = _scale(file, page)
    notes += [note] if note else []
    if notes:
        metadata["note"] = "; ".join(notes)
    read, close = _reader(path, file, series, (count, ny, nx), colours)
    return Images(
        count, (ny, nx), np.dtype(series.dtype), read, close, scale=scale, metadata=metadata
    )


def _reader(
    path: Path, file: tifffile.TiffFile, series: Any, extent: tuple[int, int, int], colours: int
) -> tuple[Read, Any]:
    count, ny, nx = extent
    if colours == 1 and series.dataoffset is not None:
        dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
        read, close = stored_raw(
            path, offset=series.dataoffset, count=count, shape=(ny, nx), dtype=dtype
        )
        file.close()
        return read, close
    if len(series) != count:
        raise FileError(
            f"{path}: {len(series)} pages for {count} images ({series.axes}); "
            "save it with one image a page"
        )
    _check_packing(path, series.keyframe)
    _check_page(path, series[count - 1])

    def page_read(number: int) -> np.ndarray:
        with quiet():
            page = series[number]
            _check_page(path, page)
            image = page.asarray()
        return to_grey(np.moveaxis(image, page.axes.index("S"), 2)) if colours > 1 else image

    return page_read, file.close


def _check_page(path: Path, page: Any) -> None:
    """Refuse a page that is missing or cut, which would be read as zeros."""
    if page is None:
        raise FileError(f"{path} is truncated: a page is missing")
    ends = zip(page.dataoffsets, page.databytecounts, strict=True)
    if max((offset + count for offset, count in ends), default=0) > path.stat().st_size:
        raise FileError(f"{path} is truncated: the pixels of a page are not all there")


def _check_chain(path: Path, file: tifffile.TiffFile) -> None:
    """Refuse a file whose last page points to one that is not there: it was cut, or is unfinished.

    tifffile itself would show the pages before it and only log the rest.
    """
    form, handle = file.tiff, file.filehandle
    handle.seek(file.pages[len(file.pages) - 1].offset)
    (tags,) = struct.unpack(form.tagnoformat, handle.read(form.tagnosize))
    handle.seek(tags * form.tagsize, 1)
    (following,) = struct.unpack(form.offsetformat, handle.read(form.offsetsize))
    if following:
        raise FileError(f"{path} is truncated: after {len(file.pages)} pages one is missing")


def _check_packing(path: Path, page: Any) -> None:
    """Say before the first image if the pages can't be unpacked at all."""
    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
    except (KeyError, ValueError):
        name = getattr(page.compression, "name", page.compression)
        raise FileError(
            f"{path} is compressed by {name}, which needs the package imagecodecs: "
            "install it, or save the file without compression"
        ) from None


def _scale(file: tifffile.TiffFile, page: Any) -> tuple[Scale | None, str]:
    """What the file says of a pixel, and a note if it says nothing of the specimen."""
    if file.is_ome:
        return _ome(file.ome_metadata or ""), ""
    y, x = (_pixel(page, tag) for tag in (283, 282))
    if not (y and x):
        return None, ""
    if file.is_imagej:
        unit = str((file.imagej_metadata or {}).get("unit", ""))
        # ImageJ writes what is not ASCII as escapes: micro signs, angstroms
        unit = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), unit)
        if unit not in ("inch", ""):
            return Scale((y, x), (unit, unit), "ImageJ"), ""
    name, cm = _RESOLUTION_UNITS.get(int(_value(page, 296, 1)), ("", 0.0))
    if not cm:
        return None, ""
    if max(y, x) * cm >= _FINEST_PRINT_CM:
        return None, f"{1 / x:g} pixels per {name} is a print resolution, not a calibration"
    return Scale((y * cm, x * cm), ("cm", "cm"), "resolution tags"), ""


def _ome(xml: str) -> Scale | None:
    """OME's physical pixel size; where its unit is left out the standard says um."""
    values, units = [], []
    for axis in "YX":
        value = re.search(rf'\bPhysicalSize{axis}\s*=\s*"([^"]*)"', xml)
        unit = re.search(rf'\bPhysicalSize{axis}Unit\s*=\s*"([^"]*)"', xml)
        if value is None:
            return None
        values.append(float(value[1]))
        units.append(html.unescape(unit[1]) if unit else "um")
    return Scale((values[0], values[1]), (units[0], units[1]), "OME")


def _pixel(page: Any, tag: int) -> float:
    """Length of a pixel from a tag that says pixels per length; 0 = not said."""
    value = _value(page, tag, (0, 1))
    above, below = value if isinstance(value, tuple) else (value, 1)
    return below / above if above and below else 0.0


def _value(page: Any, tag: int, default: Any) -> Any:
    found = page.tags.get(tag)
    return default if found is None or found.value is None else found.value

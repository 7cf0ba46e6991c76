"""A picture to keep: the image with scale bar, title, and a colour bar or the names of classes."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...analysis.preview import quantise, shrink, window
from . import colours
from .pictures import Window

SCALES = ("linear", "log", "sqrt", "gamma")
LEAST, PANEL, MARGIN = 480, 190, 14
"""Pixels: of the image's longer side, of the legend beside it, around everything."""
MOST_NAMED = 40
"""Classes in a legend."""
FONT, SMALL = 18, 14


@dataclass(frozen=True, slots=True)
class Look:
    """How values become colours."""

    map: str = "viridis"
    scale: str = "linear"
    gamma: float = 0.5
    window: Window = ("percentiles", (0.1, 99.9))
    dark: bool = False
    inverted: bool = False

    @property
    def table(self) -> np.ndarray:
        """The 256 colours [256, 3], the lowest value's first."""
        table = colours.table(self.map)
        return table[::-1] if self.inverted else table

    @property
    def paper(self) -> tuple[int, int, int]:
        """The ground."""
        return (18, 20, 24) if self.dark else (255, 255, 255)

    @property
    def ink(self) -> tuple[int, int, int]:
        """What is written."""
        return (235, 235, 235) if self.dark else (20, 20, 20)


def png(
    image: np.ndarray,
    axes: Mapping[str, Mapping[str, Any]],
    attrs: Mapping[str, Any],
    title: str,
    look: Look,
    size: int,
) -> bytes:
    """Draw `image[y, x]`, at most `size` pixels a side; classes by their flags get a legend."""
    flags = np.atleast_1d(np.asarray(attrs.get("flag_values", ())))
    named = flags.size and flags.dtype.kind in "iu" and image.dtype.kind in "biu"
    if named:
        step = max(1, -(-max(image.shape) // size))
        rgb, legend = _classes(image[::step, ::step], flags, attrs, look)
    else:
        small, step = shrink(_real(image), size)
        rgb, legend = _values(small, attrs, look)
    grown = max(1, math.ceil(LEAST / max(rgb.shape[:2])))
    rgb = rgb.repeat(grown, axis=0).repeat(grown, axis=1)
    sheet = _sheet(rgb, legend, title, look)
    _scale_bar(sheet, rgb.shape, list(axes.values()), step / grown)
    out = io.BytesIO()
    sheet.save(out, "PNG", compress_level=4)
    return out.getvalue()


def _real(image: np.ndarray) -> np.ndarray:
    from ...analysis.preview import real

    return real(image)


def _values(
    small: np.ndarray, attrs: Mapping[str, Any], look: Look
) -> tuple[np.ndarray, Image.Image]:
    kind, (low, high) = look.window
    if kind != "limits":
        low, high = window(small, (low, high))
    if look.scale == "log" and low <= 0:
        low = high / 1e4 if high > 0 else 1e-4
    if not low < high:
        high = low + (abs(low) * 1e-6 or 1.0)
    with np.errstate(all="ignore"):
        codes, _, _ = quantise(_shares(small.astype(np.float64), low, high, look), 0.0, 1.0)
    table = np.concatenate([[look.paper], look.table[1:]]).astype(np.uint8)
    return table[codes], _bar(low, high, attrs, look)


def _shares(values: np.ndarray, low: float, high: float, look: Look) -> np.ndarray:
    """Where in 0..1 of the colours values are; as on the page (`data/looks.ts`)."""
    if look.scale == "log":
        shares = np.log(np.maximum(values, low) / low) / math.log(high / low)
        return np.asarray(np.clip(shares, 0, 1))
    power = {"linear": 1.0, "sqrt": 0.5, "gamma": look.gamma}[look.scale]
    # halves: between the lowest and the highest that a number can be, there is no number
    return np.asarray(np.clip((values / 2 - low / 2) / (high / 2 - low / 2), 0, 1) ** power)


def _bar(low: float, high: float, attrs: Mapping[str, Any], look: Look) -> Image.Image:
    panel = Image.new("RGB", (PANEL, LEAST), look.paper)
    draw = ImageDraw.Draw(panel)
    label = str(attrs.get("units", ""))
    draw.text((MARGIN, 0), label[:18], look.ink, _font(SMALL))
    top, tall = 30, LEAST - 60
    strip = look.table[::-1][np.linspace(0, 255, tall).astype(int)]
    panel.paste(Image.fromarray(strip[:, None, :].repeat(26, axis=1)), (MARGIN, top))
    for share in (0, 0.25, 0.5, 0.75, 1):
        value = (
            low * (high / low) ** share if look.scale == "log" else low * (1 - share) + high * share
        )
        place = float(_shares(np.array(value), low, high, look))
        at = top + tall - 1 - round(place * (tall - 1))
        draw.line([(MARGIN + 26, at), (MARGIN + 32, at)], look.ink)
        words = f"{value:.4g}"
        draw.text((MARGIN + 38, at - 8), words, look.ink, _font(SMALL))
    return panel


def _classes(
    image: np.ndarray, flags: np.ndarray, attrs: Mapping[str, Any], look: Look
) -> tuple[np.ndarray, Image.Image]:
    names = str(attrs.get("flag_meanings", "")).split()
    names += [str(value) for value in flags[len(names) :]]
    table = colours.class_colours(len(flags))
    rgb = np.empty((*image.shape, 3), np.uint8)
    rgb[:] = look.paper
    there = [index for index, value in enumerate(flags) if (image == value).any()]
    for index in there:
        rgb[image == flags[index]] = table[index]
    shown = there[:MOST_NAMED]
    panel = Image.new("RGB", (PANEL + 60, max(LEAST, 24 * len(shown) + 30)), look.paper)
    draw = ImageDraw.Draw(panel)
    for row, index in enumerate(shown):
        colour = tuple(int(c) for c in table[index])
        draw.rectangle([MARGIN, 24 * row + 2, MARGIN + 16, 24 * row + 18], colour, look.ink)
        draw.text((MARGIN + 24, 24 * row + 1), names[index][:24], look.ink, _font(SMALL))
    if len(there) > MOST_NAMED:
        words = f"and {len(there) - MOST_NAMED} more"
        draw.text((MARGIN, 24 * len(shown) + 4), words, look.ink, _font(SMALL))
    return rgb, panel


def _sheet(rgb: np.ndarray, legend: Image.Image, title: str, look: Look) -> Image.Image:
    height, width = rgb.shape[:2]
    tall = max(height, legend.height)
    sheet = Image.new(
        "RGB", (width + legend.width + 2 * MARGIN, tall + 2 * MARGIN + 30), look.paper
    )
    sheet.paste(Image.fromarray(rgb), (MARGIN, MARGIN + 30))
    sheet.paste(legend, (MARGIN + width, MARGIN + 30))
    ImageDraw.Draw(sheet).text((MARGIN, MARGIN - 4), title, look.ink, _font(FONT))
    return sheet


def _scale_bar(
    sheet: Image.Image, shape: tuple[int, ...], axes: list[Mapping[str, Any]], step: float
) -> None:
    """A round length in the lower left corner, white on black, where the axes have one unit."""
    pitch = abs(float(axes[-1].get("step", 0) or 0)) * step if len(axes) == 2 else 0.0
    unit = str(axes[-1].get("units", "") if axes else "")
    if not 0 < pitch < math.inf:
        return
    length = round_length(0.28 * shape[1] * pitch)
    wide = round(length / pitch)
    left, low = MARGIN + 14, MARGIN + 30 + shape[0] - 14
    draw = ImageDraw.Draw(sheet)
    words = f"{length:g} {unit}"[:24]
    draw.rectangle([left - 6, low - 36, left + max(wide, 9 * len(words)) + 6, low + 6], (0, 0, 0))
    draw.rectangle([left, low - 6, left + wide, low], (255, 255, 255))
    draw.text((left, low - 32), words, (255, 255, 255), _font(FONT))


def round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above `most`."""
    decade = 10.0 ** math.floor(math.log10(most))
    return max(step * decade for step in (1, 2, 5) if step * decade <= most * (1 + 1e-9))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)

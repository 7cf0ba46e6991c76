"""PNG and JPEG, by Pillow: 8 bit grey, or 16 bit grey where a PNG has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .contents import GREY, Images
from .guard import quiet

LOOKED_AT = 512
"""Pixels along an edge at which colours are looked for."""
ALIKE = 12
"""Levels by which red, green and blue of a grey pixel may differ: JPEG rounds them apart."""
_GREY = ("L", "LA", "1")


def images(path: Path, inside: str | None = None) -> Images:
    """Decode the one picture; colours become grey, which the metadata's `note` says.

    These formats know print resolution at best, so the picture is uncalibrated.
    """
    with quiet(), Image.open(path) as picture:
        grey_already = picture.mode in _GREY or picture.mode.startswith("I")
        note = "" if grey_already else _of_colours(picture)
        metadata = {"mode": picture.mode, **({"note": note} if note else {})}
        grey = np.asarray(picture if picture.mode.startswith("I;16") else _eight_bit(picture))
    return Images(1, (grey.shape[0], grey.shape[1]), grey.dtype, lambda _: grey, metadata=metadata)


def _of_colours(picture: Image.Image) -> str:
    """Say what making it grey means: nothing where red, green and blue are alike anyway."""
    colours = picture if picture.mode == "RGB" else picture.convert("RGB")
    some = colours.reduce(max(1, max(picture.size) // LOOKED_AT))
    apart = np.ptp(np.asarray(some, np.int16), axis=2)
    share = float((apart > ALIKE).mean())
    if not share:
        return "saved in colours, but grey: red, green and blue are alike"
    return f"{GREY}; {share:.0%} of it has colours, which are no counts (labels? a colour map?)"


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGB")
    return picture.convert("L")

"""PNG and JPEG, by Pillow: 8 bit grey, or 16 bit grey where a PNG has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .contents import GREY, Images
from .guard import quiet

_GREY = ("L", "LA", "1")


def images(path: Path, inside: str | None = None) -> Images:
    """Decode the one picture; colours become grey, which the metadata's `note` says.

    These formats know print resolution at best, so the picture is uncalibrated.
    """
    with quiet(), Image.open(path) as picture:
        note = "" if picture.mode in _GREY or picture.mode.startswith("I") else GREY
        metadata = {"mode": picture.mode, **({"note": note} if note else {})}
        grey = np.asarray(picture if picture.mode.startswith("I;16") else _eight_bit(picture))
    return Images(1, (grey.shape[0], grey.shape[1]), grey.dtype, lambda _: grey, metadata=metadata)


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGB")
    return picture.convert("L")

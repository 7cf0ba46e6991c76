"""Where an image lies within a part that was received: by address, or by its bytes."""

from __future__ import annotations

import re

import numpy as np

from ..messages import Buffer

PROBE = 64
"""So many first bytes are looked for; the rest is then compared."""
MAX_TRIES = 16
"""Places that begin alike (images of zeros): after so many the image is stored apart."""


def position(part: Buffer, image: Buffer) -> int | None:
    """The offset of `image` in `part`: the very memory, or equal bytes; None if it is not there."""
    inner, outer = len(image), len(part)
    if not 0 < inner <= outer:
        return None
    part_bytes, image_bytes = np.frombuffer(part, np.uint8), np.frombuffer(image, np.uint8)
    at = int(image_bytes.ctypes.data) - int(part_bytes.ctypes.data)
    if 0 <= at <= outer - inner:
        return at
    # a decoder that copied (CBOR): the bytes are found again, not the memory
    probe = re.escape(bytes(image[:PROBE]))
    for tries, found in enumerate(re.finditer(b"(?=" + probe + b")", part)):
        at = found.start()
        if at > outer - inner or tries == MAX_TRIES:
            return None
        if np.array_equal(part_bytes[at : at + inner], image_bytes):
            return at
    return None

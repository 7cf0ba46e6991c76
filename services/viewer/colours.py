"""Colour maps and class colours of exported pictures."""

from __future__ import annotations

import numpy as np

MAPS = {
    "viridis": "44015448186a472d7b4240863b528b33638d2c728e26828e21918c"
    "1fa08828ae803fbc735ec96284d44baddc30d8e219fde725",
    "cividis": "00224e002e6a1a386f32436d434e6c535a6d61656f6f70737d7c78"
    "8c88789b9476aba072bcae6ccdbb63dec958f0d846fee838",
    "magma": "0000040a08221d114736106b51127c6a1c818326819c2e7fb73779"
    "d0416fe75263f56b5cfc8961fea772fec488fde2a3fcfdbf",
    "inferno": "0000040b0724210c4a3d096557106e71196e8a226aa32c61bc3754"
    "d24644e45a31f1731df98e09fcac11f9cb35f2ea69fcffa4",
    "plasma": "0d08873105974c02a16600a77e03a89511a1aa2395bc3587cc4778"
    "da5a6ae66c5cf0804ef89540fdac33fdc527f8df25f0f921",
    "turbo": "23171b493eae4569ee3295f726bce129dcbc3ff39365fd6e95fb51"
    "c5ec3cecd12effad24ff821df05616cb2f0da31302900c00",
    "puor": "2d004b461a705f3d8f7b67a8998ebfb5b0d4cecde4e3e4eef3eeea"
    "fbe7cdfdd5a0fabb6eee9d3dd97e1abe630b9f4e077f3b08",
    "rdbu": "67001f941127b82d35d1574be48268f3aa8cfaccb4fae4d8f2efee"
    "deebf2bfdceb98c7df6bacd0448ec12a71ae17518e053061",
    "gray": "000000ffffff",
    "gray-inverted": "ffffff000000",
}
"""Colours at even steps, six hexadecimal digits each; between them they are mixed. Those of
matplotlib (CC0), Turbo (Google, Apache 2.0) and ColorBrewer (Apache 2.0), whose tables these
follow within 11 of 255 levels."""
CLASSES = (
    *("e69f00", "56b4e9", "009e73", "cc79a7", "f0e442", "0072b2", "d55e00", "aa4499"),
    *("44aa99", "882255", "999933", "ddcc77", "117733", "6699cc", "ee8866", "bbcc33"),
)
"""Okabe and Ito's, then Tol's, which the colour-blind can tell apart."""


def table(name: str) -> np.ndarray:
    """The 256 colours [256, 3] of a map, uint8."""
    return _mixed(_rgb(MAPS[name]))


def _mixed(stops: np.ndarray) -> np.ndarray:
    at = np.linspace(0, len(stops) - 1, 256)
    mixed = [np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.stack(mixed, axis=1).round().astype(np.uint8)


def class_colours(count: int) -> np.ndarray:
    """A colour for each of `count` classes [count, 3], uint8; they come again after 16."""
    return _rgb("".join(CLASSES))[np.arange(count) % len(CLASSES)].astype(np.uint8)


def _rgb(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3)

"""`beamside evaluate spectra`: marks of the network in pictures of spectra beside known ones."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.hrtem.marks import NAME, labelled, picture_logits, spots_of
from ..analysis.hrtem.network import Network
from ..analysis.hrtem.pictures import pictures_with_truth
from ..analysis.hrtem.score_pictures import pixel_dice, report
from ..models.weights import SHIPPED, WeightsError, load
from ..stream.errors import FileError
from .evaluate import read

PICTURE = 64
"""Pixels a side of the pictures that are made of images with truth."""
DARK = 128
"""Grey level below which a pixel of `label` is part of a person's mark."""


def evaluate(files: Sequence[Path], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Score the network that marks pictures, at the threshold of its card, over all `files`.

    Each is an npz of pictures that people have marked (`fft` and `label`, uint8 [picture, y, x],
    dark marks) or of an image with truth, whose spectra are shown. The result is that of
    `score_pictures.report`, and `pixel_dice` for marked pictures. `settings` may hold `folder`,
    of other weights. FileError names a file that is neither.
    """
    unknown = set(settings) - {"folder"}
    if unknown:
        raise ValueError(f"spectra have no setting {sorted(unknown)[0]!r}; there is: folder")
    try:
        net, card = load(NAME, Path(settings.get("folder", SHIPPED)))
    except ImportError as error:
        raise WeightsError(
            f"the network needs {error.name}: pip install 'beamside[networks]'"
        ) from error
    judge, above = Network(net, card), card.number("calibration", "picture_threshold")
    logits: list[np.ndarray] = []
    truth: list[np.ndarray] = []
    dice: list[float] = []
    for path in files:
        pictures, places, masks = marked(path)
        logits += list(picture_logits(pictures, judge))
        truth += places
        said = [spots_of(each, above) for each in logits[-len(pictures) :]]
        dice += [pixel_dice(*pair) for pair in zip(said, masks, strict=False)]
    result = report(logits, truth, above)
    return result | ({"pixel_dice": float(np.mean(dice))} if dice else {})


def marked(path: Path) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Read pictures uint8 [n, y, x], the places (y, x) of their spots, and masks where people drew.

    FileError says what is wrong with the file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("fft", "label") if name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: {error}; give an npz file of pictures or images") from error
    if len(arrays) < 2:
        pictures, places = pictures_with_truth([read(path)], PICTURE)
        return pictures, places, np.zeros((0, PICTURE, PICTURE), bool)
    pictures, masks = arrays["fft"], arrays["label"] < DARK
    if pictures.ndim != 3 or pictures.shape != masks.shape or pictures.shape[1] % 8:
        raise FileError(
            f"{path}: fft is {pictures.shape} and label {masks.shape}; both must be [picture, y, "
            "x] of one shape, y a multiple of 8"
        )
    return pictures, [labelled(mask) for mask in masks], masks

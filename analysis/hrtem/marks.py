"""What the network marks in pictures of spectra, and what people have marked there.

logits = picture_logits(pictures, judge)      # 8 bits, k = 0 at n // 2
places = spots_of(logits[0], above)           # (y, x), both halves of each Friedel pair
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ...models.inputs import encode_pictures, fold
from .network import Network

NAME = "hrtem-pictures"
"""The network that is trained for this."""
REACH = 2.0
"""Pixels of a picture within which two spots are the same."""
CENTRE = 3.0
"""Pixels around k = 0 that are left out on both sides: the direct beam is no spot."""


def picture_logits(pictures: np.ndarray, judge: Network) -> np.ndarray:
    """Logits of spots, float32 [picture, y, x], of 8-bit `pictures` of spectra, k = 0 at n // 2.

    The mean over the views of a picture that are as good: mirrored, turned by a right angle, both.
    """
    if pictures.shape[1] != pictures.shape[2]:
        raise ValueError(f"pictures of spectra must be square, not {pictures.shape[1:]}")
    total = np.zeros(pictures.shape, np.float32)
    for view in VIEWS:
        total += view(_one_view(np.asarray(view(pictures)), judge))
    return total / len(VIEWS)


def _one_view(pictures: np.ndarray, judge: Network) -> np.ndarray:
    from ...models.unet import predict

    inputs = encode_pictures(pictures)
    shape = pictures.shape[1], pictures.shape[2] // 2
    half = fold(predict(judge.net, inputs, half=judge.half), shape)
    known = fold(inputs[:, 0], shape) != 0
    return whole(np.where(known, half, half.min(initial=0)), pictures.shape[1:])


def _mirrored(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(np.roll(pictures[:, :, ::-1], 1 - pictures.shape[2] % 2, axis=2))


def _turned(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(pictures.swapaxes(1, 2))


def _both(pictures: np.ndarray) -> np.ndarray:
    """Mirror at the falling diagonal; undoes itself, as the others do."""
    back = _mirrored(_turned(_mirrored(pictures)))
    return np.asarray(back)


VIEWS = (np.asarray, _mirrored, _turned, _both)
"""Each undoes itself."""


def whole(half: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mirror [tile, ky, kx >= 0] in fft order to all of k with 0 in the middle."""
    height, width = shape
    mirrored = half[:, -np.arange(height) % height]
    full = np.full((len(half), height, width), half.min(initial=0), half.dtype)
    middle, columns = width // 2, min(half.shape[2], width - width // 2)
    full[:, :, middle : middle + columns] = np.fft.fftshift(half, axes=1)[:, :, :columns]
    count = min(half.shape[2], middle + 1)
    full[:, :, middle - count + 1 : middle + 1] = np.fft.fftshift(mirrored, axes=1)[
        :, :, count - 1 :: -1
    ]
    return full


def spots_of(logits: np.ndarray, above: float) -> np.ndarray:
    """Places (y, x) of the maxima of one picture's logits over `above`, centre of mass of 3x3.

    Of maxima within REACH of one another the highest counts: they can't be told apart.
    """
    top = (scipy.ndimage.maximum_filter(logits, 3) == logits) & (logits > above)
    y, x = np.nonzero(top)
    order = np.argsort(-logits[y, x], kind="stable")
    kept: list[tuple[int, int]] = []
    for row, column in zip(y[order], x[order], strict=True):
        if all(np.hypot(row - a, column - b) > REACH for a, b in kept):
            kept.append((int(row), int(column)))
    places = [_centre_of_mass(logits, *place) for place in kept]
    return _outside(np.array(places, float).reshape(-1, 2), logits.shape)


def _centre_of_mass(logits: np.ndarray, y: int, x: int) -> tuple[float, float]:
    """Of the probability in 3x3 around a maximum."""
    rows, columns = np.mgrid[y - 1 : y + 2, x - 1 : x + 2].reshape(2, -1)
    inside = (rows >= 0) & (rows < logits.shape[0]) & (columns >= 0) & (columns < logits.shape[1])
    rows, columns = rows[inside], columns[inside]
    weight = 1 / (1 + np.exp(-logits[rows, columns].astype(float)))
    total = weight.sum()
    return float((rows * weight).sum() / total), float((columns * weight).sum() / total)


def labelled(mask: np.ndarray) -> np.ndarray:
    """Places (y, x) of the centres of a person's marks on one picture."""
    marks, many = scipy.ndimage.label(mask, np.ones((3, 3)))
    centres = scipy.ndimage.center_of_mass(mask, marks, range(1, many + 1))
    return _outside(np.array(centres, float).reshape(-1, 2), mask.shape)


def _outside(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Those that are not the direct beam."""
    middle = np.array(shape) // 2
    return np.asarray(places[np.hypot(*(places - middle).T) > CENTRE])

"""The spot network on pictures of spectra, and on the whole spectrum as the original tool had it.

Spots of a picture are compared one to one with those that people or simulations say are there;
the whole spectrum pixel by pixel (Dice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from scipy.optimize import linear_sum_assignment

from ...models.inputs import encode, fold, from_display
from .background import ring_background, rings
from .crop import View
from .network import Network
from .peaks import ratio
from .tiles import Tiling, tile_power
from .truth import Truth

REACH = 2.0
"""Pixels of a picture within which two spots are the same."""
CENTRE = 3.0
"""Pixels around k = 0 that are left out on both sides: the direct beam is no spot."""
MARK = 1.5
"""Bins of the whole spectrum around a true reflection that count as its spot."""


@dataclass(frozen=True, slots=True)
class Match:
    """Counts of spots; two are merged by adding."""

    both: int
    said: int
    true: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan where there is nothing."""
        total = self.said + self.true
        return 2 * self.both / total if total else float("nan")

    def __add__(self, other: Match) -> Match:
        """Pool two counts."""
        return Match(self.both + other.both, self.said + other.said, self.true + other.true)


def picture_logits(pictures: np.ndarray, judge: Network) -> np.ndarray:
    """Logits of spots, float32 [picture, y, x], of 8-bit `pictures` of spectra, k = 0 at n // 2."""
    from ...models.unet import predict

    z = from_display(pictures)
    half = fold(predict(judge.net, encode(z), half=judge.half), z.shape[1:])
    return whole(np.where(z > 0, half, half.min(initial=0)), pictures.shape[1:])


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
    """Places (y, x) of the maxima of one picture's logits over `above`, centre of mass of 3x3."""
    top = (scipy.ndimage.maximum_filter(logits, 3) == logits) & (logits > above)
    y, x = np.nonzero(top)
    return _outside(np.stack([y, x], axis=1).astype(float), logits.shape)


def labelled(mask: np.ndarray) -> np.ndarray:
    """Places (y, x) of the centres of a person's marks on one picture."""
    marks, many = scipy.ndimage.label(mask, np.ones((3, 3)))
    centres = scipy.ndimage.center_of_mass(mask, marks, range(1, many + 1))
    return _outside(np.array(centres, float).reshape(-1, 2), mask.shape)


def _outside(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Those that are not the direct beam."""
    middle = np.array(shape) // 2
    return np.asarray(places[np.hypot(*(places - middle).T) > CENTRE])


def match(said: np.ndarray, true: np.ndarray) -> Match:
    """Pair spots one to one, as many as there are within REACH."""
    if not len(said) or not len(true):
        return Match(0, len(said), len(true))
    apart = np.linalg.norm(said[:, None] - true, axis=2)
    rows, columns = linear_sum_assignment(np.where(apart <= REACH, apart, 1e3))
    return Match(int((apart[rows, columns] <= REACH).sum()), len(said), len(true))


def best_threshold(
    logits: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Find the threshold of logits that gives the best F1; give both."""
    tried = np.linspace(-4, 6, 41)
    scores = []
    for above in tried:
        pairs = zip(logits, truth, strict=True)
        total = sum((match(spots_of(each, above), there) for each, there in pairs), Match(0, 0, 0))
        scores.append(total.f1)
    best = int(np.nanargmax(scores))
    return float(tried[best]), float(scores[best])


def picture_of(image: np.ndarray, size: int) -> np.ndarray:
    """Show the spectrum of a square image without window as 8 bits, the middle `size` pixels."""
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2(image / max(float(image.max()), 1e-9))))
    shown = np.log1p(amplitude)
    shown = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-9)
    corner = len(image) // 2 - size // 2
    part = shown[corner : corner + size, corner : corner + size]
    return np.asarray(np.rint(255 * part**2.5), np.uint8)


def segment(view: View, k_range: tuple[float, float], judge: Network) -> tuple[np.ndarray, Tiling]:
    """Segment the spectrum of a whole view: probability, float32 [ky, kx >= 0] in fft order."""
    from ...models.unet import predict

    height, width = view.image.shape
    cut = Tiling((height, width), view.pixel, (0,), (0,))
    bins = rings(cut.shape, cut.pixel, *k_range)
    power = tile_power(view.image, cut, len(bins.kx))
    z = ratio(power, ring_background(power, cut, bins), None, bins)
    logits = fold(predict(judge.net, encode(z), half=judge.half), z.shape[1:])
    return np.asarray(judge.probability(logits)[0], np.float32), cut


def dice(said: np.ndarray, cut: Tiling, true: Truth, snr: float = 20.0) -> float:
    """Dice of `said` (bool [ky, kx >= 0]) with the reflections whose whole-frame SNR is `snr`."""
    marked = np.zeros(said.shape, bool)
    reach = int(np.ceil(MARK))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    bright = true.spots[true.spots["snr"] >= snr] if "snr" in (true.spots.dtype.names or ()) else ()
    for spot in bright:
        y, x = spot["ky_nm"] / cut.step[0], spot["kx_nm"] / cut.step[1]
        rows, columns = np.rint(y).astype(int) + dy, np.rint(x).astype(int) + dx
        near = (np.hypot(rows - y, columns - x) <= MARK) & (columns >= 0)
        near &= columns < said.shape[1]
        marked[rows[near] % said.shape[0], columns[near]] = True
    total = int(said.sum() + marked.sum())
    return 2 * int((said & marked).sum()) / total if total else float("nan")

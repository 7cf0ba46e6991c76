"""The spot network on the whole spectrum, as the original tool had it, scored by Dice of pixels."""

from __future__ import annotations

import numpy as np

from ...models.inputs import encode, fold
from .background import ring_background, rings
from .crop import View
from .network import Network
from .peaks import ratio
from .tiles import Tiling, tile_power
from .truth import Truth

MARK = 1.5
"""Bins of the whole spectrum around a true reflection that count as its spot."""


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

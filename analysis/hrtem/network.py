"""The spot network's second look at what the classical detector holds for a candidate.

It sees the whole tile, its neighbours and the lattice of a spot, where the classical detector sees
one bin. z and the network's answer together become evidence on the scale of z (noise exceeds e with
exp(-e) per look), so that thresholds stay false-alarm rates. torch is imported on first use only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...models.inputs import encode, fold
from ...models.weights import Card, WeightsError, load
from ..operators import AnalysisError
from .peaks import Peaks
from .tiles import Tiling

if TYPE_CHECKING:
    from ...models.unet import UNet

NAME = "hrtem-unet"
CANDIDATE = 8.0
"""z from which a maximum is worth a second look."""
PAIR = 3.0
"""Evidence that neighbouring tiles may lack; on phantoms without crystals it costs nothing."""
CHUNK = 64
"""Tiles that are encoded at a time."""


@dataclass(frozen=True)
class Network:
    """A trained network with its calibration."""

    net: UNet
    card: Card
    half: bool = False
    """Compute in bfloat16."""

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits into calibrated probabilities that a candidate is a reflection."""
        temperature = self.card.number("calibration", "temperature")
        shift = self.card.number("calibration", "shift")
        return np.asarray(1 / (1 + np.exp(-(logits / temperature + shift))))

    def evidence(self, z: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Turn z and logits into the z that noise exceeds as rarely."""
        slope = self.card.number("calibration", "evidence_slope")
        offset = self.card.number("calibration", "evidence_offset")
        return np.asarray(slope * joint(z, logits) + offset)


def joint(z: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Join what one bin says with what its surroundings say.

    Both are log-likelihood ratios, the logit a bounded one: alone it loses to z where spots are
    strong, z alone loses where they are weak.
    """
    return np.asarray(z + logits)


def thresholds(false_alarms: float, trials: float) -> tuple[float, float]:
    """Give the evidence that one sighting must exceed, and each of two in neighbouring tiles.

    The scale of evidence was measured with the errors of the background in it, so it needs no
    slack. The network has looked at the neighbours already: two confirm each other only a little.
    """
    single = float(np.log(max(trials, 1.0) / false_alarms))
    return single, single - PAIR


@lru_cache(maxsize=2)
def network(name: str = NAME, half: bool = False) -> Network:
    """Load a network once; AnalysisError says what is missing."""
    try:
        net, card = load(name)
    except ImportError as error:
        raise AnalysisError(
            f"the spot network needs {error.name}: pip install 'beamside[networks]', or set "
            "detector = classical"
        ) from error
    except WeightsError as error:
        raise AnalysisError(str(error)) from error
    return Network(net, card, half)


def second_look(z: np.ndarray, cut: Tiling, candidates: Peaks, above: float) -> Peaks:
    """Keep the candidates whose evidence exceeds `above`; what the detector needs of all this.

    `candidates` are the maxima of z over CANDIDATE, `above` the second of `thresholds`.
    AnalysisError where the network can't be used.
    """
    weighed = weigh(z, cut, candidates, network())
    return weighed.keep(weighed.z > above)


def rescore(z: np.ndarray, cut: Tiling, candidates: Peaks, judge: Network) -> np.ndarray:
    """Give the calibrated probability of each candidate to be a reflection, [candidate].

    `z` [tile, ky, kx] is power over background of all tiles of `cut`.
    """
    return judge.probability(scores(z, cut, candidates, judge))


def weigh(z: np.ndarray, cut: Tiling, candidates: Peaks, judge: Network) -> Peaks:
    """Give the candidates with the network's evidence in place of z."""
    found = judge.evidence(candidates.z, scores(z, cut, candidates, judge))
    return Peaks(candidates.tile, candidates.ky, candidates.kx, found)


def scores(z: np.ndarray, cut: Tiling, candidates: Peaks, judge: Network) -> np.ndarray:
    """Give the highest logit within a bin of each candidate, [candidate].

    Only tiles that hold a candidate are looked at.
    """
    from ...models.unet import predict

    result = np.zeros(len(candidates), np.float32)
    tiles, row = np.unique(candidates.tile, return_inverse=True)
    fy, fx = cut.step
    iy, ix = np.rint(candidates.ky / fy).astype(int), np.rint(candidates.kx / fx).astype(int)
    for start in range(0, len(tiles), CHUNK):
        chosen = tiles[start : start + CHUNK]
        seen = encode(z, cut.grid, chosen)
        logits = fold(predict(judge.net, seen, half=judge.half), z.shape[1:])
        of = np.flatnonzero((row >= start) & (row < start + CHUNK))
        result[of] = _highest(logits, row[of] - start, iy[of], ix[of])
    return result


def _highest(logits: np.ndarray, tile: np.ndarray, iy: np.ndarray, ix: np.ndarray) -> np.ndarray:
    dy, dx = np.mgrid[-1:2, -1:2].reshape(2, 1, -1)
    y = (iy[:, None] + dy) % logits.shape[1]
    x = np.clip(ix[:, None] + dx, 0, logits.shape[2] - 1)
    return np.asarray(logits[tile[:, None], y, x].max(axis=1))

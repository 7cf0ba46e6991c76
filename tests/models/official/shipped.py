"""Ask the official stardist, with our shipped weights in it, about one generated slice.

    python -m beamside.tests.models.official.shipped PYTHON

PYTHON is an interpreter with stardist and tensorflow. Writes `shipped.npz` beside this file: the
slice, the labels of `StarDist2D.predict_instances`, and the sha256 of the weights. To be done again
whenever other weights are shipped; a test says so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from beamside.analysis.particles.model import model
from beamside.models.normalise import normalised
from beamside.models.phantoms.nmc import DIAMETER, nmc_slice
from beamside.services.bench.anchor import official

SEED = 11
SHAPE = (250, 330)
"""No multiple of the network's block, so that padding matters."""


def main() -> None:
    """Make the reference."""
    made = nmc_slice(np.random.default_rng(SEED), SHAPE, diameter=DIAMETER, fill=0.55)
    low, high = np.percentile(made.image, [0.1, 99.9])
    image = np.clip((made.image - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    said = official(Path(sys.argv[1]), normalised(image), published=False, rounds=1)
    np.savez_compressed(
        Path(__file__).with_name("shipped.npz"),
        image=image,
        labels=said.labels.astype(np.uint8),
        sha256=np.array(model().card.sha256),
    )


if __name__ == "__main__":
    main()

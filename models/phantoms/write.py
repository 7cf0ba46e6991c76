"""Write phantoms with their truth: `python -m beamside.models.phantoms.write FOLDER 1000 1001 ...`.

Each seed becomes one `hrtem-SEED.npz` for `beamside evaluate hrtem`; a seed also draws the
microscope, so that a set of seeds is a set of sessions. `null-SEED` has no crystal in it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from .hrtem import make

SIZE = 1024


def main() -> int:
    """Write one file a seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--null", action="store_true", help="without crystals")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        draw = np.random.default_rng([seed, 77])
        phantom = make(
            seed,
            (SIZE, SIZE),
            pixel_nm=float(draw.uniform(0.02, 0.035)),
            dose=float(np.exp(draw.uniform(np.log(150), np.log(1500)))),
            voltage=float(draw.choice([200.0, 300.0])),
            vacuum=float(draw.uniform(0.05, 0.25)),
            null=options.null,
        )
        name = f"{'null' if options.null else 'hrtem'}-{seed}.npz"
        phantom.save(options.folder / name)
        sys.stdout.write(f"{options.folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

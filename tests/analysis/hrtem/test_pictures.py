"""Pictures with known spots: what is said to be there can be seen there."""

from __future__ import annotations

import json

import numpy as np

from beamside.analysis.hrtem.pictures import pictures_with_truth
from beamside.analysis.hrtem.truth import truth
from beamside.models.phantoms.varied import varied


def test_spots_of_pictures_come_in_pairs_and_stand_out() -> None:
    phantom = varied(4242, (512, 512))
    arrays = {name: getattr(phantom, name) for name in ("phase_map", "grain_map", "spots")}
    true = truth({**arrays, "meta": np.array(json.dumps(phantom.meta))})
    shown, places = pictures_with_truth([(phantom.image, true)], 64)
    assert shown.shape == (20, 64, 64)
    assert shown.dtype == np.uint8
    assert sum(map(len, places)) > 10
    levels = []
    for picture, spots in zip(shown, places, strict=True):
        mirrored = 64 - spots
        for spot in spots:
            assert np.hypot(*(mirrored - spot).T).min() < 2
            y, x = np.clip(np.rint(spot).astype(int), 1, 62)
            around = np.median(picture[max(0, y - 5) : y + 6, max(0, x - 5) : x + 6])
            levels.append(picture[y - 1 : y + 2, x - 1 : x + 2].max() - around)
    assert np.mean(np.array(levels) > 0) > 0.95


def test_phantoms_vary_with_their_seed_and_with_nothing_else() -> None:
    one, same, other = (varied(seed, (256, 256)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.image, same.image)
    assert one.meta["px_nm_true"] != other.meta["px_nm_true"]
    assert not len(varied(5, (256, 256), null=True).spots)

from __future__ import annotations

import numpy as np
import pytest

from beamside.models.phantoms.stage import DARKER, Specimen


def test_a_frame_holds_as_much_crystal_as_the_truth_says() -> None:
    specimen = Specimen(3, cells=16)
    dark = specimen.counts * DARKER
    cells = [divmod(int(n), 16) for n in np.argsort(specimen.truth.ravel())[[0, -8, -4, -1]]]
    for cell in cells:
        mean = specimen.picture(cell).mean()
        share = (specimen.counts - mean) / dark
        assert share == pytest.approx(specimen.truth[cell], abs=0.08)


def test_the_same_seed_is_the_same_specimen_and_frame() -> None:
    one, two = Specimen(5, frame=128), Specimen(5, frame=128)
    assert (one.truth == two.truth).all()
    assert (one.picture((1.5, 2.25), seed=7) == two.picture((1.5, 2.25), seed=7)).all()
    assert (one.picture((1.5, 2.25), seed=7) != two.picture((1.5, 2.25), seed=8)).any()


def test_defocus_and_astigmatism_take_contrast() -> None:
    specimen = Specimen(1, frame=256)
    sharp = specimen.picture((2, 2)).std()
    assert specimen.picture((2, 2), defocus=60).std() < 0.9 * sharp
    assert specimen.picture((2, 2), stigma=(60, 0)).std() < 0.95 * sharp

"""The steps of the detection that run where the images are, on a pretended GPU."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.device import like, namespace, to_host
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.hrtem import make
from beamside.tests.analysis import cupies

CALIBRATION = Calibration((0.03, 0.03), 300.0, 298.0, "phantom")


def test_images_on_a_gpu_are_cropped_tiled_and_inverted_there_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.asarray(make(2, (640, 640), pixel_nm=0.03).image)[np.newaxis]
    here = PhaseMapper()(image, CALIBRATION)
    done = cupies.installed(monkeypatch)
    there = PhaseMapper()(cupies.Array(image), CALIBRATION)  # type: ignore[arg-type]
    assert done["rfft2"] >= 3  # the crop, and the tiles of two lengths
    assert done["irfft2"] == 2  # and with the signs of the lens turned back
    assert done["ifft2"] >= 2  # envelopes of both images
    assert here.sizes["spot"] > 10
    assert there.sizes == here.sizes
    for name in ("spot_d", "spot_snr", "spot_y", "grain_posterior", "profile_max"):
        np.testing.assert_allclose(there[name], here[name], rtol=1e-3, atol=1e-4, err_msg=name)
    assert (there["phase_map"].values == here["phase_map"].values).mean() > 0.999


def test_arrays_are_copied_only_to_where_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    host = np.arange(3.0)
    assert like(host, host) is host
    cupies.installed(monkeypatch)
    there = like(host, cupies.Array(host))
    assert namespace(there) is not np
    assert np.array_equal(to_host(there), host)
    with pytest.raises(TypeError, match="implicit"):
        np.asarray(there)

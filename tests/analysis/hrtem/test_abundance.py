"""How much of each phase a session holds, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.abundance import Abundance, Areas, abundance

NAMES = ("Li", "LiF")


def frame(area: float, posterior: tuple[float, float] = (1.0, 0.0)) -> xr.Dataset:
    """One grain of `area` nm2 in 100 nm2 of specimen, beside as much vacuum."""
    classes = np.zeros((1, 20, 40), np.uint8)
    classes[0, :, :20] = 1
    classes[0, : round(area / 5), :20] = 3  # the first phase; a pixel is .25 nm2
    edge = (np.arange(20) + 0.5) * 0.5, (np.arange(40) + 0.5) * 0.5
    return xr.Dataset(
        {
            "phase_map": (("frame", "y", "x"), classes),
            "phase_fraction": (("frame", "phase"), [[area / 100, 0.0]]),
            "grain_area": ("grain", [area]),
            "grain_posterior": (("grain", "phase"), [posterior]),
        },
        {"y": edge[0], "x": edge[1], "phase": list(NAMES)},
    )


def test_shares_are_of_the_specimen_and_not_of_the_vacuum() -> None:
    session = Abundance(NAMES)
    session.add(frame(25.0))
    said = session.finish()
    assert said.attrs["specimen_area_nm2"] == pytest.approx(100.0)
    np.testing.assert_allclose(said["fraction"], [0.25, 0.0])
    np.testing.assert_allclose(said["expected"], [0.25, 0.0])
    np.testing.assert_allclose(said["fraction_sigma"], 0.0)
    assert "one frame only" in said.attrs["note"]


def test_a_doubtful_grain_is_shared_out_and_its_doubt_is_told() -> None:
    session = Abundance(NAMES)
    session.add(frame(20.0, (0.5, 0.3)))
    said = session.finish()
    np.testing.assert_allclose(said["expected"], [0.10, 0.06], rtol=1e-6)
    np.testing.assert_allclose(said["fraction_sigma"], [0.2 * 0.5, 0.2 * np.sqrt(0.21)], rtol=1e-6)


def test_phases_that_a_frame_does_not_know_count_as_none() -> None:
    session = Abundance(("Cu", *NAMES))
    session.add(frame(30.0))
    np.testing.assert_allclose(session.finish()["expected"], [0.0, 0.3, 0.0])


def test_the_standard_error_is_that_of_repeated_sessions() -> None:
    rng = np.random.default_rng(3)

    def session() -> xr.Dataset:
        shares = rng.gamma(2.0, 10.0, 30)
        nothing = np.zeros(1)
        return abundance([Areas(100.0, s + nothing, s + nothing, nothing) for s in shares], ["Li"])

    said = [session() for _ in range(300)]
    spread = np.std([float(one["expected"][0]) for one in said])
    told = np.mean([float(one["fraction_sigma"][0]) for one in said])
    assert told == pytest.approx(spread, rel=0.15)


def test_no_frame_is_no_share() -> None:
    said = Abundance(NAMES).finish()
    np.testing.assert_array_equal(said["expected"], [0, 0])
    assert said.attrs["frames"] == 0

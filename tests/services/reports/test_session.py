"""Pictures of a session that has little or nothing to show."""

from __future__ import annotations

import numpy as np
import xarray as xr

from beamside.analysis.hrtem.library import shipped
from beamside.analysis.hrtem.spacings import Spacings
from beamside.services.reports.hrtem_session import frames_figure, spacings_figure

PHASES = ["Li", "LiF"]


def test_shares_of_one_frame_or_of_nothing_are_no_picture() -> None:
    one = {"frame": 0, "fraction_Li": 0.2, "fraction_LiF": 0.0}
    none = {"frame": 1, "fraction_Li": 0.0, "fraction_LiF": 0.0}
    failed = {"frame": 2, "error": "too small"}
    assert frames_figure([one], PHASES) is None
    assert frames_figure([none, none], PHASES) is None
    assert frames_figure([one, failed], PHASES) is None
    assert frames_figure([one, none, failed], PHASES) is not None


def test_thousands_of_frames_are_as_many_bars_as_a_page_can_show() -> None:
    rows = [{"frame": n, "fraction_Li": 0.1, "fraction_LiF": 0.2} for n in range(1000)]
    figure = frames_figure(rows, PHASES)
    assert figure is not None
    (axes,) = figure.axes
    boxes = [bar.get_path().get_extents(bar.get_patch_transform()) for bar in axes.patches]
    heights = [box.height for box in boxes]
    assert 2 * 300 <= len(heights) <= 2 * 400
    assert np.allclose(sorted({round(float(h), 6) for h in heights}), [10.0, 20.0])


def test_spots_of_no_phase_are_shown_beside_the_candidates() -> None:
    spacings = Spacings()
    spots = xr.Dataset({"spot_d": ("spot", [0.2]), "spot_label": ("spot", np.array([""]))})
    spacings.add(spots)
    figure = spacings_figure(spacings, PHASES, None, shipped())
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == PHASES

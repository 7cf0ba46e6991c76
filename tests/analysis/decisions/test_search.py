from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from beamside.analysis.decisions import Search


def specimen(seed: int, cells: int = 24, area: float = 0.05) -> np.ndarray:
    """Area fraction of patches of a few cells in each cell [y, x]."""
    field = np.random.default_rng(seed).normal(size=(cells * 8, cells * 8))
    field = scipy.ndimage.gaussian_filter(field, 16)
    patches = field > np.quantile(field, 1 - area)
    return np.asarray(patches.reshape(cells, 8, cells, 8).mean(axis=(1, 3)))


def test_most_of_a_phase_is_found_with_few_looks() -> None:
    shares = []
    for seed in range(10):
        truth = specimen(seed)
        search, looks = Search((24, 24)), 0
        while search.found < 0.95 * truth.sum():
            cell = search.next()
            assert cell is not None
            search.tell(cell, float(truth[cell]))
            looks += 1
        shares.append(looks / truth.size)
    assert np.median(shares) < 0.3
    assert max(shares) < 0.7


def test_every_cell_is_looked_at_once_and_then_it_is_over() -> None:
    search = Search((5, 7))
    cells = set()
    while (cell := search.next()) is not None:
        assert cell not in cells
        cells.add(cell)
        search.tell(cell, float("nan"))
    assert len(cells) == 35
    assert search.found == 0


def test_a_raster_without_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="a cell at least"):
        Search((0, 5))

"""What a stage was moved over: numbers of each frame's result where the frame was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from .decisions import expected

PLACES = ("stage_y", "stage_x")
SCAN = "scan"
"""A number of the frame that tells scans apart which share a run."""
MOST = 1 << 22
"""Cells of the largest map that is drawn."""
MOST_EMPTY = 32
"""Positions of a regular grid for each that was visited, up to which an axis is the whole grid."""
MOST_GUESSED = 1 << 22
"""Cells times visits up to which it is told what to expect of a cell."""
State: TypeAlias = dict[int, np.ndarray]


@dataclass(frozen=True)
class StageMap:
    """A map of numbers over the stage, which grows while a scan runs; for `over_run`.

    Of each frame with the coords `stage_y` and `stage_x` (nm) the variables `fields` along `frame`
    are kept; frames that do not say where they were taken are left out. A place that was visited
    twice shows its newest frame. Of frames with a coord `scan` (1, 2, ...) each scan has its own
    maps, on the same axes. Where the positions along an axis lie on a regular grid, the axis is
    that grid from the lowest to the highest: a map that is half done is not squeezed.
    """

    fields: tuple[str, ...]

    @property
    def _width(self) -> int:
        return len(PLACES) + 1 + len(self.fields)

    def start(self) -> State:
        """Nothing was visited: rows by frame number."""
        return {}

    def add(self, state: State, said: xr.Dataset, numbers: Sequence[int]) -> State:
        """Take in a result."""
        if any(name not in said.coords for name in PLACES):
            return state
        scan = said[SCAN].values if SCAN in said.coords else np.zeros(len(numbers))
        fields = [said[name].values for name in self.fields]
        columns = [*(said[name].values for name in PLACES), np.nan_to_num(scan), *fields]
        state.update(zip(map(int, numbers), np.stack(columns, axis=1).astype(float), strict=True))
        return state

    def merge(self, one: State, other: State) -> State:
        """Join two states; each frame is in one of them."""
        return {**one, **other}

    def save(self, state: State) -> Mapping[str, np.ndarray]:
        """The state as two arrays."""
        rows = [state[number] for number in sorted(state)]
        shape = (len(rows), self._width)
        return {"number": np.array(sorted(state), np.int64), "rows": np.reshape(rows, shape)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> State:
        """The state that `save` gave; ValueError if it is of other fields."""
        rows = np.asarray(arrays["rows"], float)
        if rows.ndim != 2 or rows.shape[1] != self._width:
            raise ValueError(f"these are no rows of {', '.join(self.fields)}")
        return dict(zip(map(int, arrays["number"]), rows, strict=True))

    def finish(self, state: State) -> xr.Dataset:
        """The visits in their order, and maps [y, x] of each field, for each scan.

        `FIELD_map` is what was measured, NaN where nobody was; `FIELD_expected` and `FIELD_sigma`
        are what to expect of each cell after that, and its standard deviation (`decisions`). Where
        there are several scans their number follows, and is an attribute. Maps have a cell for each
        position along each axis that was visited, or of the grid that these lie on; scans of more
        than MOST cells have visits only.
        """
        numbers = sorted(number for number in state if np.isfinite(state[number][:2]).all())
        rows = np.array([state[n] for n in numbers]).reshape(len(numbers), self._width)
        places = [_grid(np.unique(rows[:, n])) for n in (0, 1)]
        if not 0 < len(places[0]) * len(places[1]) <= MOST:
            return xr.Dataset(self._visits(numbers, rows), attrs={"title": "Where the stage was"})
        maps: dict[str, Any] = {}
        scans = np.unique(rows[:, 2])
        for scan in scans:
            mine, behind = rows[rows[:, 2] == scan], f", scan {scan:g}"
            for name, plane in self._maps(places, mine).items():
                one = len(scans) == 1
                what = f"{name.replace('_', ' ')} over the stage{'' if one else behind}"
                attrs = {"long_name": what} | ({} if one else {SCAN: int(scan)})
                maps[name if one else f"{name}_{scan:g}"] = (PLACES, plane, attrs)
        coords = {
            axis: (axis, values, {"units": "nm", "long_name": axis.replace("_", " ")})
            for axis, values in zip(PLACES, places, strict=True)
        }
        title = {"title": "What the stage was moved over"}
        return xr.Dataset({**maps, **self._visits(numbers, rows)}, coords, title)

    def _visits(self, numbers: Sequence[int], rows: np.ndarray) -> dict[str, Any]:
        """The path, as a table."""
        nm = {"units": "nm"}
        table: dict[str, Any] = {
            "visit_frame": ("visit", np.array(numbers, np.int64), {"long_name": "frame"}),
            "visit_y": ("visit", rows[:, 0], {**nm, "long_name": "stage y"}),
            "visit_x": ("visit", rows[:, 1], {**nm, "long_name": "stage x"}),
        }
        if len(np.unique(rows[:, 2])) > 1:
            table["visit_scan"] = ("visit", rows[:, 2].astype(np.int64), {"long_name": "scan"})
        fields = {f"visit_{name}": ("visit", rows[:, 3 + n]) for n, name in enumerate(self.fields)}
        return table | fields

    def _maps(self, places: Sequence[np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """What was measured in each cell; what to expect there, where that is not too much work."""
        at = tuple(np.searchsorted(places[n], rows[:, n]) for n in (0, 1))
        shape = (len(places[0]), len(places[1]))
        cells = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)
        maps: dict[str, np.ndarray] = {}
        for n, name in enumerate(self.fields):
            plane = np.full(shape, np.nan)
            plane[at] = rows[:, 3 + n]
            maps[f"{name}_map"] = plane
            if len(cells) * len(rows) <= MOST_GUESSED:
                try:
                    guess = expected(rows[:, :2], rows[:, 3 + n], cells)
                except ValueError:  # of too few places, or too many
                    continue
                maps[f"{name}_expected"] = guess.mean.reshape(shape)
                maps[f"{name}_sigma"] = guess.sigma.reshape(shape)
        return maps


def _grid(places: np.ndarray) -> np.ndarray:
    """The regular grid that sorted positions lie on; they themselves where they lie on none."""
    if len(places) < 3:
        return places
    step = float(np.diff(places).min())
    if places[-1] - places[0] >= step * MOST_EMPTY * len(places):
        return places
    steps = (places - places[0]) / step
    cells = np.rint(steps).astype(np.int64)
    if not np.allclose(steps, cells, rtol=0, atol=1e-3):
        return places
    grid = np.linspace(places[0], places[-1], cells[-1] + 1)
    grid[cells] = places  # to the last digit, or they would not be found again
    return grid

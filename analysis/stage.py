"""What a stage was moved over: numbers of each frame's result where the frame was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

PLACES = ("stage_y", "stage_x")
MOST = 1 << 22
"""Cells of the largest map that is drawn."""


@dataclass(frozen=True)
class StageMap:
    """A map of numbers over the stage, which grows while a scan runs; for `over_run`.

    Of each frame with the coords `stage_y` and `stage_x` (nm) the variables `fields` along `frame`
    are kept; frames that do not say where they were taken are left out. A place that was visited
    twice shows its newest frame.
    """

    fields: tuple[str, ...]

    def start(self) -> dict[int, np.ndarray]:
        """Nothing was visited: rows by frame number."""
        return {}

    def add(
        self, state: dict[int, np.ndarray], said: xr.Dataset, numbers: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """Take in a result."""
        if any(name not in said.coords for name in PLACES):
            return state
        columns = [said[name].values.astype(float) for name in (*PLACES, *self.fields)]
        state.update(zip(map(int, numbers), np.stack(columns, axis=1), strict=True))
        return state

    def merge(
        self, one: dict[int, np.ndarray], other: dict[int, np.ndarray]
    ) -> dict[int, np.ndarray]:
        """Join two states; each frame is in one of them."""
        return {**one, **other}

    def save(self, state: dict[int, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The state as two arrays."""
        rows = [state[number] for number in sorted(state)]
        shape = (len(rows), len(PLACES) + len(self.fields))
        return {"number": np.array(sorted(state), np.int64), "rows": np.reshape(rows, shape)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
        """The state that `save` gave; ValueError if it is of other fields."""
        rows = np.asarray(arrays["rows"], float)
        if rows.ndim != 2 or rows.shape[1] != len(PLACES) + len(self.fields):
            raise ValueError(f"these are no rows of {', '.join(self.fields)}")
        return dict(zip(map(int, arrays["number"]), rows, strict=True))

    def finish(self, state: dict[int, np.ndarray]) -> xr.Dataset:
        """The visits in their order, and one map [y, x] of each field, NaN where nobody was.

        The map has a cell for each position along each axis that was visited; scans of more than
        MOST cells have visits only.
        """
        numbers = sorted(number for number in state if np.isfinite(state[number][:2]).all())
        rows = np.array([state[n] for n in numbers]).reshape(len(numbers), 2 + len(self.fields))
        visits = {
            "visit_frame": ("visit", np.array(numbers, np.int64), {"long_name": "frame"}),
            **{
                f"visit_{axis}": (
                    "visit",
                    rows[:, n],
                    {"units": "nm", "long_name": f"stage {axis}"},
                )
                for n, axis in enumerate("yx")
            },
            **{f"visit_{name}": ("visit", rows[:, 2 + n]) for n, name in enumerate(self.fields)},
        }
        places = [np.unique(rows[:, n]) for n in (0, 1)]
        if not 0 < len(places[0]) * len(places[1]) <= MOST:
            return xr.Dataset(visits, attrs={"title": "Where the stage was"})
        at = tuple(np.searchsorted(places[n], rows[:, n]) for n in (0, 1))
        maps = {}
        for n, name in enumerate(self.fields):
            plane = np.full((len(places[0]), len(places[1])), np.nan)
            plane[at] = rows[:, 2 + n]
            maps[f"{name}_map"] = (PLACES, plane, {"long_name": f"{name} over the stage"})
        coords = {
            axis: (axis, values, {"units": "nm", "long_name": axis.replace("_", " ")})
            for axis, values in zip(PLACES, places, strict=True)
        }
        return xr.Dataset({**maps, **visits}, coords, {"title": "What the stage was moved over"})

"""The map of a session: area fractions over many frames, and one map of a stage montage.

    session = SessionMap()
    state = session.start()
    state = session.add(state, mapper(images, calibration), numbers)     # any worker, any order
    state = session.merge(state, other)                                  # associative
    session.finish(state)                                                # xarray.Dataset

Where frames have the coords `stage_y` and `stage_x` along `frame` (nm, of the centre of the field;
NaN = unknown) they are stitched. A state is plain arrays: `state.arrays()` and `restored`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .columns import Variable
from .maps import AMORPHOUS, UNKNOWN, VACUUM
from .session_state import ABSENT, LOOKS, UNIT, Session, merged, nothing, restored, taken, unpacked

LARGEST = 1 << 25
"""Cells of the largest map that is made."""


@dataclass(frozen=True)
class SessionMap:
    """Stitch the phase maps of a session, and pool its area fractions."""

    pixel: float = 1.0
    """Edge of a pixel of the stitched map, nm."""
    rotation: float = 0.0
    """Angle by which the image is turned on the stage, degrees, counter-clockwise as seen."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        if not (np.isfinite(self.pixel) and self.pixel > 0):
            raise ValueError(f"pixel must be above 0 nm, not {self.pixel!r}")
        if not np.isfinite(self.rotation):
            raise ValueError(f"rotation must be an angle in degrees, not {self.rotation!r}")

    def start(self) -> Session:
        """Begin a session: no frame."""
        return nothing()

    def add(self, state: Session, said: xr.Dataset, numbers: Sequence[int]) -> Session:
        """Take in what `PhaseMapper` said of the frames called `numbers`.

        AnalysisError if it was said in pixels, or with other candidates than before.
        """
        if said["y"].attrs.get("units") != "nm":
            raise AnalysisError(
                "the maps are in pixels, and their frames can't be added: give the pixel size"
            )
        return self.merge(state, taken(said, numbers, self.pixel, self.rotation))

    def merge(self, one: Session, other: Session) -> Session:
        """Join the states of two workers; the order doesn't matter."""
        return merged(one, other)

    def save(self, state: Session) -> Mapping[str, np.ndarray]:
        """Give the state as arrays."""
        return state.arrays()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Session:
        """Take up what `save` gave; ValueError if it is none of a session's map."""
        return restored(arrays)

    def finish(self, state: Session) -> xr.Dataset:
        """Pool the fractions, and draw the map if there are positions.

        Variables: `phase_fraction` [phase], `crystalline_fraction`, each with `_sigma`;
        `labelled_fraction` [phase], by the labels alone; the table
        of images `image_*`; of a montage `phase_map`, `confidence`, `looks` [y, x] on the stage,
        and `map_fraction` [phase], in which each place counts once.
        """
        names = state.classes[UNKNOWN + 1 :]
        variables = _pooled(state) | _images(state)
        coords: dict[str, Variable] = {
            "phase": (("phase",), names, {"long_name": "candidate phase"})
        }
        attrs = {
            "title": "Phases of a session",
            "frames": len(state.number),
            "frames_placed": int(np.isfinite(state.y + state.x).sum()),
            "specimen_area_nm2": float(state.area.sum()),
            "alarm": "none",
        }
        if len(state.key):
            cells = [c[[0, -1]] for c in (np.sort(v) for v in unpacked(state.key)[:2])]
            shape = tuple(int(c[1] - c[0] + 1) for c in cells)
            if shape[0] * shape[1] <= LARGEST:
                drawn, axes = _drawn(state, (int(cells[0][0]), int(cells[1][0])), shape, self.pixel)
                variables, coords = variables | drawn, coords | axes
            else:
                attrs["note"] = (
                    f"the positions span {shape[0] * self.pixel:g} x {shape[1] * self.pixel:g} nm: "
                    f"too many pixels of {self.pixel:g} nm for one map; set a larger pixel"
                )
        return xr.Dataset(variables, coords, attrs)


def session(
    results: Sequence[tuple[xr.Dataset, Sequence[int]]], settings: SessionMap
) -> xr.Dataset:
    """Map the results of one session: each what `PhaseMapper` said, and of which frames."""
    state = settings.start()
    for said, numbers in results:
        state = settings.add(state, said, numbers)
    return settings.finish(state)


def _share(dims: tuple[str, ...], values: np.ndarray, words: str) -> Variable:
    return dims, np.asarray(values, np.float64), {"long_name": words, "units": "1"}


def _pooled(state: Session) -> dict[str, Variable]:
    """Fractions of all frames, each by the area of its specimen, with standard errors.

    The larger one of two: what the frames' own uncertainties make of the mean, and what their
    scatter does (the variance of a ratio estimate; Cochran, Sampling Techniques, 1977, ch. 6).
    """
    share = state.area / max(float(state.area.sum()), 1e-12)
    found: dict[str, Variable] = {}
    for name, dims, values, sigma in (
        ("phase_fraction", ("phase",), state.fraction, state.sigma),
        (
            "crystalline_fraction",
            (),
            state.crystalline[:, None],
            state.crystalline_sigma[:, None],
        ),
    ):
        mean = share @ values
        own = (share**2) @ sigma**2
        many = len(share)
        scatter = (share**2) @ (values - mean) ** 2 * (many / max(many - 1, 1))
        error = np.sqrt(np.maximum(own, scatter))
        words = f"{name.replace('_', ' ')} of the specimen's area, all frames"
        found[name] = _share(dims, mean if dims else mean[0], words)
        found[f"{name}_sigma"] = _share(
            dims, error if dims else error[0], f"standard error of the {words}"
        )
    found["labelled_fraction"] = _share(
        ("phase",), share @ state.labelled, "share of the specimen's area that is labelled so"
    )
    return found


def _images(state: Session) -> dict[str, Variable]:
    """The table of images."""
    nm = {"units": "nm"}
    table = ("image", "phase")
    return {
        "image_frame": (("image",), state.number, {"long_name": "number of the frame"}),
        "image_y": (("image",), state.y, {"long_name": "centre on the stage", **nm}),
        "image_x": (("image",), state.x, {"long_name": "centre on the stage", **nm}),
        "image_area": (
            ("image",),
            state.area,
            {"long_name": "area of the specimen", "units": "nm2"},
        ),
        "image_fraction": _share(table, state.fraction, "expected share of the specimen's area"),
        "image_fraction_sigma": _share(table, state.sigma, "standard deviation of the share"),
    }


def _drawn(
    state: Session, first: tuple[int, int], shape: tuple[int, ...], pixel: float
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """The stitched map: in each cell the class with the most votes, and how sure that is.

    Confidence is the mean over the frames that looked at the cell of their confidence in it.
    """
    cy, cx, label = unpacked(state.key)
    flat = (cy - first[0]) * shape[1] + cx - first[1]
    looks = np.zeros(shape[0] * shape[1], np.int64)
    counted = label == LOOKS
    looks[flat[counted]] = state.votes[counted]
    rows = np.flatnonzero(~counted)
    rows = rows[np.lexsort((label[rows], state.votes[rows]))]  # the last one written wins
    classes, best = np.full(len(looks), VACUUM, np.uint8), np.zeros(len(looks), np.int64)
    classes[flat[rows]], best[flat[rows]] = label[rows], state.votes[rows]
    sure = np.where(classes > UNKNOWN, best / UNIT, best / ABSENT) / np.maximum(looks, 1)
    there = (looks > 0) & (classes >= AMORPHOUS)
    counts = np.bincount(classes[there], minlength=len(state.classes))[UNKNOWN + 1 :]
    names = state.classes
    meanings = {
        "flag_values": np.arange(len(names), dtype=np.uint8),
        "flag_meanings": " ".join(names),
    }
    drawn: dict[str, Variable] = {
        "phase_map": (("y", "x"), classes.reshape(shape), {"long_name": "phase", **meanings}),
        "confidence": _share(("y", "x"), sure.reshape(shape), "mean confidence in the label"),
        "looks": (("y", "x"), looks.reshape(shape), {"long_name": "frames that show the place"}),
        "map_fraction": _share(
            ("phase",), counts / max(int(there.sum()), 1), "share of the map, vacuum left out"
        ),
    }
    axes: dict[str, Variable] = {
        axis: (
            (axis,),
            (np.arange(n) + start + 0.5) * pixel,
            {"long_name": f"stage along {axis}", "units": "nm"},
        )
        for axis, n, start in zip("yx", shape, first, strict=True)
    }
    return drawn, axes

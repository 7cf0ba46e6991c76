"""What all frames without a pixel size say together: of one microscope, they share one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import xarray as xr

from ...analysis.hrtem.selfcal_groups import Groups
from ...analysis.hrtem.uncalibrated import Uncalibrated
from ...stream.messages import Result
from .items import SOURCE
from .technique import Done, Once

ANALYSIS = "uncalibrated"
SURE = 0.9
"""Probability from which on one pixel size is worth another look."""


@dataclass(slots=True)
class Unscaled:
    """The frames of a session that say no pixel size."""

    one: Uncalibrated
    state: Groups = field(init=False)
    frames: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    result: Result | None = None
    named: dict[tuple[int, int], tuple[str, float]] = field(default_factory=dict)
    """Most probable phase of a grain and its probability, by frame and row, by all frames."""

    def __post_init__(self) -> None:
        """Begin without a frame."""
        self.state = self.one.start()

    def add(self, done: Done) -> None:
        """Take in a frame."""
        self.frames.append(done.number)
        self.keys.append(done.key)
        if done.result.data.sizes.get("grain"):
            place = len(self.frames) - 1  # it stays when frames with a pixel size join the batch
            self.state = self.one.add(self.state, done.result.data, [place])

    def finish(self, once: Once, made_by: Mapping[str, Any]) -> list[str]:
        """Find the pixel size and the phases; in words for people, nothing if there is no frame."""
        if not self.frames:
            return []
        said = hashlib.blake2b(" ".join([repr(self.one), *self.keys]).encode(), digest_size=12)
        made = once(f"together-{said.hexdigest()}", lambda: self._made(made_by))
        self.result = replace(made, frames=tuple(self.frames))
        self.named = {(self.frames[n], row): name for (n, row), name in _named(made.data)}
        return [f"{len(self.frames)} frames without a pixel size: {_words(made.data)}"]

    def _made(self, made_by: Mapping[str, Any]) -> Result:
        data = self.one.finish(self.state)
        return Result(SOURCE, SOURCE, tuple(self.frames), ANALYSIS, data, dict(made_by))


def _named(said: xr.Dataset) -> list[tuple[tuple[int, int], tuple[str, float]]]:
    """Place and row of each grain, and its most probable phase, `unknown` among them."""
    names = [*map(str, said["phase"].values), "unknown"]
    rows: Sequence[tuple[int, int]] = list(
        zip(said["grain_frame"].values.tolist(), said["grain_row"].values.tolist(), strict=True)
    )
    posterior = said["grain_posterior"].values
    full = [[*map(float, row), 1 - float(row.sum())] for row in posterior]
    best = [max(range(len(row)), key=row.__getitem__) for row in full]
    return [
        (place, (names[n], round(row[n], 4)))
        for place, row, n in zip(rows, full, best, strict=True)
    ]


def _words(said: xr.Dataset) -> str:
    if not said.sizes["option"]:
        return "nothing can be said of it: too few grains with spots in two directions"
    size, sigma, p = (
        float(said[name].values[0]) for name in ("pixel", "pixel_sigma", "pixel_probability")
    )
    words = (
        f"together their grains say {size:.5f} ± {sigma:.5f} nm, p = {p:.2f} if all are of one "
        "magnification and hold the candidates"
    )
    if p > SURE:
        return f"{words}; look again with --pixel-size {size:.5f}nm"
    return f"{words}; other sizes fit too, more frames or a known phase tell more"

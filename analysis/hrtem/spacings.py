"""How often which spacing was seen in a session: a histogram that grows frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

STEP = 0.002
"""Width of a bin, nm."""
FIRST, LAST = 0.1, 0.7
NOBODY = "unassigned"


@dataclass(slots=True)
class Spacings:
    """Counts of spots by spacing, for each phase that they were given to."""

    edges: np.ndarray = field(default_factory=lambda: np.arange(FIRST, LAST + STEP / 2, STEP))
    counts: dict[str, np.ndarray] = field(default_factory=dict)
    """[bin], by phase; NOBODY for spots without a phase"""

    def add(self, said: xr.Dataset) -> None:
        """Count the spots of one calibrated result; a Friedel pair counts once."""
        d = said["spot_d"].values
        phase = np.array(
            [str(label).partition(" ")[0] or NOBODY for label in said["spot_label"].values]
        )
        for name in np.unique(phase):
            found = np.histogram(d[phase == name], self.edges)[0]
            self.counts[str(name)] = self.counts.get(str(name), 0) + found

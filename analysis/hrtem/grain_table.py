"""The table of grains in the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidates
from .columns import Variable, classes, frames, table
from .frame import Found, Limits
from .grains import FITS, LEAST, ZONE, Grains
from .maps import UNKNOWN
from .spot_table import indices

STRAIN = "lattice over the identified cell minus 1, the image's own error taken out,"
POSTERIOR = "posterior of the phase; of `unknown`, that it is no candidate: another may be likelier"
ERROR = "standard error of the strain, the cell's own left out"


def grain_table(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    """Variables `grain_*` of all images; lengths in `length`."""
    every = [one.grains for one in found]
    ranked = [_ranked(one, limits) for one in found]
    turned = [one.orientation for one in found]
    variables = table(
        "grain",
        {
            "frame": (frames([len(g) for g in every]), np.int32, "frame in the batch", None),
            "phase": ([r[0] for r in ranked], np.uint8, "phase", None),
            "probability": ([r[1] for r in ranked], np.float32, POSTERIOR, "1"),
            "runner_up": ([r[2] for r in ranked], np.uint8, "most probable other answer", None),
            "runner_up_probability": ([r[3] for r in ranked], np.float32, "its posterior", "1"),
            "kind": ([g.kind for g in every], np.uint8, "what the spots are", None),
            "candidates": ([_fitting(one, known) for one in found], str, "phases that fit", None),
            "y": ([g.y for g in every], np.float64, "centre", length),
            "x": ([g.x for g in every], np.float64, "centre", length),
            "area": ([g.area for g in every], np.float64, "area", f"{length}2"),
            "n_spots": ([g.spots for g in every], np.int32, "spots, Friedel pairs once", None),
            "residual": (
                [g.residual for g in every],
                np.float32,
                "rms misfit of the spots in standard deviations",
                "1",
            ),
            "strain_yy": ([_strain(g)[0] for g in every], np.float32, f"{STRAIN} along y", "1"),
            "strain_xx": ([_strain(g)[1] for g in every], np.float32, f"{STRAIN} along x", "1"),
            "strain_yx": ([_strain(g)[2] for g in every], np.float32, f"{STRAIN}, shear", "1"),
            "strain_yy_sigma": ([_sigma(g)[0] for g in every], np.float32, ERROR, "1"),
            "strain_xx_sigma": ([_sigma(g)[0] for g in every], np.float32, ERROR, "1"),
            "strain_yx_sigma": ([_sigma(g)[1] for g in every], np.float32, ERROR, "1"),
            "zone": ([_zones(one) for one in found], str, "zone axis; a row has none", None),
            "rotation": (
                [o.rotation for o in turned],
                np.float64,
                "azimuth of the reference, counter-clockwise from x as seen, modulo the period",
                "degree",
            ),
            "rotation_sigma": (
                [o.sigma for o in turned],
                np.float64,
                "standard error of the rotation",
                "degree",
            ),
            "rotation_period": (
                [o.period for o in turned],
                np.float64,
                "rotation that takes the zone's pattern to itself",
                "degree",
            ),
            "reference": (
                [_references(one) for one in found],
                str,
                "reflection whose azimuth the rotation is",
                None,
            ),
        },
    )
    for name in ("grain_phase", "grain_runner_up"):
        variables[name][2].update(classes(known))
    variables["grain_kind"][2].update(
        flag_values=np.arange(3, dtype=np.uint8), flag_meanings="single-spot single-row zone"
    )
    variables["grain_posterior"] = (
        ("grain", "phase"),
        np.concatenate([g.posterior for g in every]).astype(np.float32),
        {"long_name": "posterior probability; the rest is unknown", "units": "1"},
    )
    return variables


def _strain(grains: Grains) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strain along y, along x and shear (half of the angle); nan where there is no lattice."""
    size, stretch, shear = grains.strain.T
    return size + stretch / 2, size - stretch / 2, shear / 2


def _sigma(grains: Grains) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of a normal strain, and of the shear."""
    size, stretch, shear = grains.strain_sigma.T
    return np.hypot(size, stretch / 2), shear / 2


def _ranked(one: Found, limits: Limits) -> tuple[np.ndarray, ...]:
    """Class and probability of the label, then of the best other answer."""
    full = one.grains.full()
    label = one.grains.classes(limits.label_above, limits.label_row_above)
    rows = np.arange(len(full))
    column = np.where(label == UNKNOWN, full.shape[1] - 1, label.astype(int) - UNKNOWN - 1)
    probability = one.grains.probability(label)
    others = full.copy()
    others[rows, column] = -1
    second = others.argmax(axis=1)
    runner = np.where(second == full.shape[1] - 1, UNKNOWN, second + UNKNOWN + 1)
    return label, probability, runner, others.max(axis=1, initial=0)


def _fitting(one: Found, known: Candidates) -> np.ndarray:
    """Names of the phases that fit each grain, most probable first."""
    names = []
    for row in one.grains.posterior:
        order = [n for n in np.argsort(-row) if row[n] >= max(FITS * row.max(), LEAST)]
        names.append(",".join(known.names[n] for n in order))
    return np.array(names, dtype=str) if names else np.zeros(0, "<U1")


def _zones(one: Found) -> np.ndarray:
    grains = one.grains
    words = [
        f"[{' '.join(map(str, zone))}]" if kind == ZONE and any(zone) else ""
        for zone, kind in zip(grains.zone.tolist(), grains.kind, strict=True)
    ]
    return np.array(words, dtype=str) if words else np.zeros(0, "<U1")


def _references(one: Found) -> np.ndarray:
    words = [indices(hkl) if any(hkl) else "" for hkl in one.orientation.reference.tolist()]
    return np.array(words, dtype=str) if words else np.zeros(0, "<U1")

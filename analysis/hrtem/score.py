"""How right a phase map is: the truth of a specimen against what the operator said of its image.

    tally = merge([score(said, truth(arrays)) for ...])
    report(tally)      # JSON, see there

Everything is pooled: counts of many images are added before they are divided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from .truth import Truth, halves, kinds, phases, sums

TOLERANCE = 0.06
"""Distance in 1/nm within which a spot is the true one (0.09 is the lenient choice)."""
BINS = {"10-20": (10, 20), "20-50": (20, 50), "50-200": (50, 200), ">200": (200, np.inf)}
"""Recall is told by the true spot's signal-to-noise ratio in a window matched to its grain."""
SMALL = 4.0
"""Equal-area diameter in nm of grains that are left out of the intersection over union."""
SURE = 0.9
STEPS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Answers are counted by probability in the bins that begin there; the last is that of SURE."""
CRYSTALLINE = 0.2
"""Fraction of a predicted grain that must lie on true grains, else it lies on none."""
UNKNOWN = 2
"""The class of a crystal that is none of the candidates; higher ones are phases."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts and errors of any number of images; two are merged by adding."""

    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """(good, of) by name; for intersection over union (intersection, union)."""
    errors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Relative errors by name."""


def merge(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    good, of = Counter[str](), Counter[str]()
    errors: dict[str, tuple[float, ...]] = {}
    for tally in tallies:
        for name, (a, b) in tally.counts.items():
            good[name] += a
            of[name] += b
        for name, values in tally.errors.items():
            errors[name] = errors.get(name, ()) + values
    return Tally({name: (good[name], of[name]) for name in of}, errors)


def score(said: xr.Dataset, true: Truth, frame: int = 0, tolerance: float = TOLERANCE) -> Tally:
    """Compare what an operator said of the image number `frame` of its batch with the truth."""
    k, d, place = _said_spots(said, true, frame)
    spots = Tally({"false": (len(k), 1)}) if true.null else _spots(k, d, place, true, tolerance)
    rest = [f(said, true, frame) for f in (_grains, _maps, _calibration)]
    return merge([spots, *rest])


def report(tally: Tally) -> dict[str, Any]:
    """Divide the counts: JSON, with None where there was nothing to count.

    `spots{recall{bin}, precision, false_per_null}, d_error{median, p90},
    identification{multi_spot, single_row, wrong_above_0_9}, reliability{wrong{bin}, answers{bin},
    expected_calibration_error}, iou{phase}, vacuum_false, calibration{scale_error,
    anisotropy_error}`
    """
    share = {name: (a / b if b else None) for name, (a, b) in tally.counts.items()}
    d = np.array(tally.errors.get("d", ()))
    return {
        "spots": {
            "recall": {name: share.get(f"recall {name}") for name in BINS},
            "precision": share.get("precision"),
            "false_per_null": share.get("false"),
        },
        "d_error": {
            "median": float(np.median(d)) if len(d) else None,
            "p90": float(np.quantile(d, 0.9)) if len(d) else None,
        },
        "identification": {
            "multi_spot": share.get("multi_spot"),
            "single_row": share.get("single_row"),
            "wrong_above_0_9": share.get("wrong"),
        },
        "reliability": _reliability(tally),
        "iou": {name[4:]: value for name, value in share.items() if name.startswith("iou ")},
        "vacuum_false": share.get("vacuum"),
        "calibration": {
            f"{name}_error": _mean(tally.errors.get(name, ())) for name in ("scale", "anisotropy")
        },
    }


def _reliability(tally: Tally) -> dict[str, Any]:
    """Wrong share and number of the named answers by probability, and their calibration error.

    The expected one is the mean over answers of |probability - share that is right| in their bin:
    Naeini, Cooper & Hauskrecht, AAAI 29 (2015) 2901.
    """
    wrong, answers, off = {}, {}, 0.0
    for n, low in enumerate(STEPS):
        right, of = tally.counts.get(f"answer {n}", (0, 0))
        name = f"{low:g}-{STEPS[n + 1] if n + 1 < len(STEPS) else 1:g}"
        wrong[name], answers[name] = (1 - right / of if of else None), of
        off += abs(sum(tally.errors.get(f"answer {n}", ())) - right)
    every = sum(answers.values())
    return {
        "wrong": wrong,
        "answers": answers,
        "expected_calibration_error": off / every if every else None,
    }


def _mean(values: tuple[float, ...]) -> float | None:
    return float(np.mean(values)) if values else None


def _said_spots(
    said: xr.Dataset, true: Truth, frame: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give k (kx + i ky, corrected to true 1/nm), d as it was said, and the true pixel (y, x)."""
    of = said["spot_frame"].values == frame
    y, x = (said[f"spot_{axis}"].values[of] for axis in "yx")
    ky, kx = (said[f"spot_k{axis}"].values[of] for axis in "yx")
    stretch = np.divide(true.header, true.pixels)
    rows = np.nan_to_num(np.stack([y / true.header[0], x / true.header[1]], axis=1))
    place = np.clip(rows.astype(int), 0, np.array(true.phase_map.shape) - 1)
    return kx * stretch[1] + 1j * ky * stretch[0], said["spot_d"].values[of], place


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give the distances between k and k' or -k', whichever is nearer: [one, other]."""
    nearest: np.ndarray = np.minimum(np.abs(one[:, None] - other), np.abs(one[:, None] + other))
    return nearest


def _spots(k: np.ndarray, d: np.ndarray, place: np.ndarray, true: Truth, tolerance: float) -> Tally:
    """Count the true spots found, and the said spots that are true, or sums of a grain's spots."""
    spots = halves(true.spots)
    apart = _apart(k, spots["kx_nm"] + 1j * spots["ky_nm"])
    near = np.asarray(apart <= tolerance)
    found, direct = np.asarray(near.any(axis=0)), np.asarray(near.any(axis=1))
    counts = {}
    for name, (low, high) in BINS.items():
        of = (spots["snr_local"] >= low) & (spots["snr_local"] < high)
        counts[f"recall {name}"] = (int(found[of].sum()), int(of.sum()))
    explained = direct | (_apart(k, sums(true.spots)) <= tolerance).any(axis=1)
    counts["precision"] = (int(explained.sum()), len(k))
    # Of several true spots within the tolerance, one of the grain at that place is meant.
    elsewhere = true.grain_map[place[:, 0], place[:, 1]][:, None] != spots["grain"]
    cost = np.where(near, apart + tolerance * elsewhere, np.inf)
    meant = spots["d_nm"][cost[direct].argmin(axis=1)] if direct.any() else np.zeros(0)
    errors = np.abs(d[direct] / meant - 1)
    return Tally(counts, {"d": tuple(map(float, errors))})


@dataclass(frozen=True, slots=True)
class _Grid:
    """Truth and prediction on the pixels of the predicted map."""

    phase: np.ndarray
    """True phase, index into the truth's labels."""
    grain: np.ndarray
    """True grain."""
    label: np.ndarray
    """Said class."""
    number: np.ndarray
    """Said grain."""


def _grid(said: xr.Dataset, true: Truth, frame: int) -> _Grid:
    at = []
    for axis, size, n in zip("yx", true.header, true.phase_map.shape, strict=True):
        at.append(np.clip((said[axis].values / size).astype(int), 0, n - 1))
    rows, columns = np.ix_(*at)
    label, number = (said[name].values[frame] for name in ("phase_map", "grain_map"))
    return _Grid(true.phase_map[rows, columns], true.grain_map[rows, columns], label, number)


def _classes(said: xr.Dataset) -> dict[str, int]:
    attrs = said["phase_map"].attrs
    names = attrs["flag_meanings"].split()
    return dict(zip(names, map(int, attrs["flag_values"]), strict=True))


def _maps(said: xr.Dataset, true: Truth, frame: int) -> Tally:
    """Compare the maps: overlap phase by phase, and crystals seen in the vacuum."""
    grid, classes = _grid(said, true, frame), _classes(said)
    vacuum = grid.phase == 0
    counts = {"vacuum": (int((grid.label[vacuum] >= UNKNOWN).sum()), int(vacuum.sum()))}
    areas = np.bincount(true.grain_map.ravel()) * true.pixels[0] * true.pixels[1]
    large = np.asarray(np.sqrt(4 * areas / np.pi) >= SMALL)
    counted = large[grid.grain] | (grid.grain == 0)
    for phase in np.unique(grid.phase[(grid.phase > 1) & counted]):
        name = true.labels[phase]
        there = (grid.phase == phase) & counted
        seen = (grid.label == classes.get(name, -1)) & counted
        counts[f"iou {name}"] = (int((there & seen).sum()), int((there | seen).sum()))
    return Tally(counts)


def _grains(said: xr.Dataset, true: Truth, frame: int) -> Tally:
    """Compare grain by grain: what each true grain was called, and each sure answer."""
    grid = _grid(said, true, frame)
    rows = np.flatnonzero(said["grain_frame"].values == frame)
    names = [str(name) for name in said["phase"].values]
    posterior = said["grain_posterior"].values[rows]
    overlap = np.zeros((int(true.grain_map.max(initial=0)) + 1, len(rows) + 1), int)
    np.add.at(overlap, (grid.grain, np.clip(grid.number, 0, len(rows))), 1)
    true_phase = phases(true)
    probabilities: dict[str, list[float]] = {}
    counts = Counter[str](), Counter[str]()
    for grain, kind in kinds(true).items():
        over = overlap[grain, 1:]
        counts[1][kind] += 1
        if over.any():
            row = int(over.argmax())  # the said grain that covers most of it
            fits = str(said["grain_candidates"].values[rows[row]]).split(",")
            full = [*posterior[row], 1 - posterior[row].sum()]
            leader = [*names, "unknown"][int(np.argmax(full))]
            wanted = true_phase[grain]
            counts[0][kind] += wanted == leader or (kind == "single_row" and wanted in fits)
    surest = posterior.max(axis=1, initial=0)
    told = np.flatnonzero(surest > 1 - posterior.sum(axis=1))  # `unknown` names no phase
    for row in told.tolist():
        on = overlap[1:, row + 1]
        lies = on.sum() >= CRYSTALLINE * max(overlap[:, row + 1].sum(), 1)
        is_right = lies and true_phase[int(on.argmax()) + 1] == names[int(posterior[row].argmax())]
        step = f"answer {int(np.searchsorted(STEPS, surest[row])) - 1}"
        counts[1][step] += 1
        counts[0][step] += is_right
        probabilities.setdefault(step, []).append(float(surest[row]))
        if surest[row] > SURE:
            counts[1]["wrong"] += 1
            counts[0]["wrong"] += not is_right
    kept = {name: tuple(values) for name, values in probabilities.items()}
    return Tally({name: (counts[0][name], n) for name, n in counts[1].items()}, kept)


def _calibration(said: xr.Dataset, true: Truth, frame: int) -> Tally:
    """Compare the calibration that the image itself gave, where one was given.

    `scale` is the true pixel over the header's, `anisotropy` its height over its width minus 1;
    `scale_error` is `scale` minus 1. Each is a number, or a list with one for each image.
    """
    attrs, errors = said.attrs, {}
    scale = attrs["scale"] if "scale" in attrs else np.add(attrs.get("scale_error", np.nan), 1)
    pixel, header = (float(np.sqrt(np.prod(p))) for p in (true.pixels, true.header))
    values = {
        "scale": np.atleast_1d(scale) * header / pixel - 1,
        "anisotropy": np.atleast_1d(attrs.get("anisotropy", np.nan))
        - (true.pixels[0] / true.pixels[1] - 1),
    }
    sigma = np.atleast_1d(attrs.get("scale_error_sigma", 0.0))
    known = np.isfinite(sigma[frame % len(sigma)]) and not true.null
    for name, value in values.items():
        one = float(value[frame % len(value)])
        if np.isfinite(one) and known:
            errors[name] = (abs(one),)
    return Tally({}, errors)

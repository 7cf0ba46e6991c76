"""Why: which features go with damage, how surely, and in what shape.

As published: a random forest, mean |Shapley value| on its training rows, over 10 seeds and over
10 subsets of 500. Beside it what the paper does not print: how much of the damage the forest
explains on rows it has not seen, and how much it would explain by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ...models import forest
from ..operators import AnalysisError
from .catalogue import FEATURES
from .dependence import curves
from .regressors import SETS, Regressors, regressors

KINDS = ("seed", "subset")


@dataclass(frozen=True)
class Why:
    """How damage is explained."""

    features: str | tuple[str, ...] = "leakage-free"
    """leakage-free, corrected, published, or names of features."""
    seeds: int = 10
    """Forests on all particles."""
    subsets: int = 10
    """Forests on random parts."""
    subset_size: int = 500
    """Particles of a part; four fifths of them where there are not so many."""
    folds: int = 5
    """Of the cross-validation; 0 = none."""
    permutations: int = 20
    """Forests on shuffled damage of a part, what chance explains; 0 = none."""
    bins: int = 12
    """Points of a dependence curve."""
    border: bool = False
    """Whether particles that touch the border of the volume count too."""

    def __post_init__(self) -> None:
        """Refuse what is no set of features."""
        if isinstance(self.features, str) and self.features not in SETS:
            known = ", ".join(SETS)
            raise ValueError(f"features is {self.features!r}; allowed: {known}, or names")
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}; one forest at least is needed")

    def __call__(self, table: xr.Dataset) -> xr.Dataset:
        """Explain the damage of the particles of a table (`Features`).

        Along `feature`: importance with spread over repeats (`kind`: seed, subset; `repeat`),
        curves along `bin`, `non_monotonic`. Along `particle`: Shapley values, in units of damage.
        AnalysisError if there are too few particles or nothing to explain.
        """
        given = regressors(table, self.features, self.border)
        if np.ptp(given.damage) == 0:
            raise AnalysisError("all particles have the same damage: there is nothing to explain")
        fits = {kind: list(self._fits(given, kind)) for kind in KINDS}
        variables = _importance(fits, given)
        variables |= _particles(fits["seed"], given)
        variables |= curves(given.values, variables["particle_shap"][1], self.bins)
        variables |= self._checks(given, fits)
        units = ("feature", list(given.units), {"long_name": "units of the feature"})
        coordinates = {"feature": list(given.names), "feature_units": units, "kind": list(KINDS)}
        return xr.Dataset(variables, coordinates, self._attributes(given, fits))

    def _fits(self, given: Regressors, kind: str) -> Iterator[_Fit]:
        many = len(given.damage)
        for seed in range(self.seeds if kind == "seed" else self.subsets):
            rows = self._part(many, seed) if kind == "subset" else np.arange(many)
            yield _fit(given, rows, seed)

    def _part(self, many: int, seed: int) -> np.ndarray:
        size = min(self.subset_size, int(0.8 * many))
        return np.random.default_rng(seed).choice(many, size, replace=False)

    def _checks(self, given: Regressors, fits: dict[str, list[_Fit]]) -> dict[str, Any]:
        checks: dict[str, Any] = {}
        if self.folds > 1:
            values = list(_cross_validated(given, self.folds))
            attrs = {"units": "1", "long_name": "R^2 on the fold that was left out"}
            checks["r2_cv"] = ("fold", np.array(values), attrs)
        if self.permutations:
            checks |= _against(fits["subset"] or fits["seed"], list(self._by_chance(given, fits)))
        return checks

    def _by_chance(self, given: Regressors, fits: dict[str, list[_Fit]]) -> Iterator[_Fit]:
        """Forests on shuffled damage, on as many particles as those they are compared with."""
        many = len(given.damage)
        for seed in range(self.permutations):
            shuffled = np.random.default_rng(seed).permutation(given.damage)
            rows = self._part(many, seed) if fits["subset"] else np.arange(many)
            yield _fit(replace(given, damage=shuffled), rows, seed)

    def _attributes(self, given: Regressors, fits: dict[str, list[_Fit]]) -> dict[str, Any]:
        notes = list(given.notes)
        if self.features == "leakage-free":
            names = ", ".join(f.name for f in FEATURES if f.leaks)
            notes.insert(0, f"{names} left out: they hold damage by construction")
        attrs: dict[str, Any] = {
            "title": "why particles are damaged",
            "features": self.features if isinstance(self.features, str) else "named",
            "particles": len(given.damage),
            "forest": ", ".join(f"{key}={value}" for key, value in forest.PUBLISHED.items()),
            "base": float(np.mean([one.base for one in fits["seed"]])),
        }
        if notes:
            attrs["note"] = "; ".join(notes)
        return attrs


@dataclass(frozen=True, slots=True)
class _Fit:
    """One forest and its answers."""

    oob: float
    test: float
    importance: np.ndarray
    """[feature]: mean |Shapley value| of the rows it was fitted to."""
    rows: np.ndarray
    shares: np.ndarray
    """[row, feature]"""
    base: float


def _fit(given: Regressors, rows: np.ndarray, seed: int) -> _Fit:
    """Fit as published: 5 % of the rows kept apart, shares on the others."""
    train, test = (rows[part] for part in forest.split(len(rows), seed))
    fitted = forest.fit(given.values[train], given.damage[train], seed)
    shares, base = forest.shapley(fitted.forest, given.values[train])
    answer = fitted.forest.predict(np.asarray(given.values[test], np.float32))
    return _Fit(
        fitted.oob,
        forest.r2(given.damage[test], answer),
        np.abs(shares).mean(axis=0),
        train,
        shares,
        base,
    )


def glance(table: xr.Dataset, settings: Why | None = None) -> xr.Dataset:
    """Explain by one forest alone, for a table that still grows: a second for 2,000 particles."""
    return replace(settings or Why(), seeds=1, subsets=0, folds=0, permutations=0)(table)


def fitted(table: xr.Dataset, settings: Why | None = None, seed: int = 0) -> tuple[Any, Regressors]:
    """Fit one forest to all particles, for `models.forest.save`, and give what it was given."""
    settings = settings or Why()
    given = regressors(table, settings.features, settings.border)
    return forest.fit(given.values, given.damage, seed).forest, given


def _importance(fits: dict[str, list[_Fit]], given: Regressors) -> dict[str, Any]:
    repeats = max(len(found) for found in fits.values())
    shape = (len(KINDS), repeats)
    importance = np.full((*shape, len(given.names)), np.nan)
    oob, test = np.full(shape, np.nan), np.full(shape, np.nan)
    for n, kind in enumerate(KINDS):
        for repeat, one in enumerate(fits[kind]):
            importance[n, repeat] = one.importance
            oob[n, repeat], test[n, repeat] = one.oob, one.test
    counts = [len(fits[kind]) for kind in KINDS]
    mean = np.full((len(KINDS), len(given.names)), np.nan)
    sigma = mean.copy()
    for n, count in enumerate(counts):
        if count:
            mean[n] = importance[n, :count].mean(axis=0)
        if count > 1:
            sigma[n] = importance[n, :count].std(axis=0, ddof=1)
    words = "mean |Shapley value|"
    plain = {"units": "1"}
    kept_apart = "R^2 on the 5 % kept apart"
    each = ("kind", "repeat", "feature")
    return {
        "importance": (("kind", "feature"), mean, {**plain, "long_name": words}),
        "importance_sigma": (
            ("kind", "feature"), sigma, {**plain, "long_name": "spread over repeats"},
        ),
        "importance_each": (each, importance, {**plain, "long_name": words}),
        "r2_oob": (("kind", "repeat"), oob, {**plain, "long_name": "R^2 out of bag"}),
        "r2_test": (("kind", "repeat"), test, {**plain, "long_name": kept_apart}),
    }  # fmt: skip


def _particles(fits: Sequence[_Fit], given: Regressors) -> dict[str, Any]:
    """Shapley values of each particle, the mean over the forests that were fitted to it."""
    total = np.zeros(given.values.shape)
    count = np.zeros(len(total))
    for one in fits:
        total[one.rows] += one.shares
        count[one.rows] += 1
    mean = np.full(total.shape, np.nan)
    np.divide(total, count[:, None], out=mean, where=count[:, None] > 0)
    row = ("particle", "feature")
    words = "Shapley value: its share in the damage that the forest tells"
    return {
        "particle_label": ("particle", given.labels, {"long_name": "label"}),
        "particle_damage": ("particle", given.damage, {"units": "1", "long_name": "damage"}),
        "particle_shap": (row, mean, {"units": "1", "long_name": words}),
        "particle_value": (row, given.values, {"long_name": "value, in the feature's units"}),
    }


def _cross_validated(given: Regressors, folds: int) -> Iterator[float]:
    """R^2 on each fold of a forest that was fitted to the others."""
    place = np.random.default_rng(0).permutation(len(given.damage)) % folds
    for fold in range(folds):
        inside, outside = place != fold, place == fold
        found = forest.fit(given.values[inside], given.damage[inside], fold).forest
        answer = found.predict(np.asarray(given.values[outside], np.float32))
        yield forest.r2(given.damage[outside], answer)


def _against(fits: Sequence[_Fit], chance: Sequence[_Fit]) -> dict[str, Any]:
    """Set what was found against what shuffled damage gives."""
    r2 = np.array([one.oob for one in chance])
    p_value = (1 + (r2 >= np.mean([one.oob for one in fits])).sum()) / (1 + len(r2))
    shuffled = np.stack([one.importance for one in chance])
    found = np.mean([one.importance for one in fits], axis=0)
    plain = {"units": "1"}
    words = "R^2 out of bag where damage was shuffled"
    above = "whether its importance is above that of any feature for shuffled damage"
    return {
        "r2_by_chance": ("permutation", r2, {**plain, "long_name": words}),
        "p_value": (
            (), p_value, {**plain, "long_name": "probability that chance explains as much"},
        ),
        "importance_by_chance": (
            ("permutation", "feature"), shuffled, {**plain, "long_name": "mean |Shapley value|"},
        ),
        "above_chance": ("feature", found > shuffled.max(), {"long_name": above}),
    }  # fmt: skip

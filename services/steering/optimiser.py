"""A Gaussian process in a few lines, for sites without a GPU: an example, not a library.

Any `Optimizer` of bluesky-adaptive 1.x takes its place: its Ax agent, xopt, scipy, or yours.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

AWAY = 0.1
"""Distance to a place that failed, in parts of the range."""


class GaussianProcess:
    """Maximise one outcome: mean plus `boldness` standard deviations of a Matern 5/2 process.

    Obeys `bluesky_adaptive.protocols.Optimizer`. `bounds` are the (low, high) of each axis by its
    name. With `boldness` infinite it maps: the next place is the one known least. What the process
    assumes of lengths and noise is learned anew with each tenth more points, which takes some 12 ms
    instead of 3.
    """

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        outcome: str,
        *,
        boldness: float = 2.0,
        seed: int = 0,
    ) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        self.bounds, self.outcome, self.boldness = dict(bounds), outcome, boldness
        kernel = Matern(0.3, (0.03, 3), nu=2.5) + WhiteKernel(1e-3, (1e-6, 1))
        self._process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
        self._warning = ConvergenceWarning  # "close to the bound": of noise that is nearly none
        self._learn_at = 0
        self._random = np.random.default_rng(seed)
        self._doubt = np.inf
        self._asked: dict[Any, np.ndarray] = {}
        self._failed: list[np.ndarray] = []
        self._known: list[tuple[Any, np.ndarray, float]] = []

    def suggest(self, num_points: int | None = None) -> list[dict[str, Any]]:
        """The next places; the first few are scattered."""
        chosen = [self._one() for _ in range(num_points or 1)]
        return [self._named(len(self._asked) - len(chosen) + n, x) for n, x in enumerate(chosen)]

    def _one(self) -> np.ndarray:
        options = self._options()
        if len(self._known) < 2 * len(self.bounds) + 1:
            at = options[0]
        else:
            mean, sigma = self.predict(options)
            self._doubt = float(sigma.max())
            worth = sigma if np.isinf(self.boldness) else mean + self.boldness * sigma
            at = options[int(np.argmax(worth))]
        self._asked[len(self._asked)] = at
        return np.asarray(at)

    def _options(self) -> np.ndarray:
        """Random places, away from those that failed as long as there are others."""
        options = self._random.random((512, len(self.bounds)))
        for failed in self._failed:
            away = np.linalg.norm(options - failed, axis=1) > AWAY
            options = options[away] if away.any() else options
        return options

    def register_failures(self, suggestions: Sequence[Mapping[str, Any]]) -> None:
        """Suggest nothing near these places any more."""
        self._failed += [self._asked[one["_id"]] for one in suggestions]

    def predict(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the outcome at `at[n, axis]`, scaled to 0..1."""
        places = np.array([x for _, x, _ in self._known])
        learns = len(places) >= self._learn_at
        self._process.set_params(optimizer="fmin_l_bfgs_b" if learns else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._warning)
            self._process.fit(places, np.array([y for *_, y in self._known]))
        if learns:  # from here it goes on, when there is a tenth more
            self._process.set_params(kernel=self._process.kernel_)
            self._learn_at = len(places) + 1 + len(places) // 10
        mean, sigma = self._process.predict(at, return_std=True)
        return np.asarray(mean), np.asarray(sigma)

    def doubt(self) -> float:
        """Largest standard deviation of the outcome when the last place was chosen."""
        return self._doubt

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        """Learn what was measured; points that were never suggested bring their own places."""
        for point in points:
            one = point.get("_id")
            at = self._asked[one] if one in self._asked else self._scaled(point)
            self._known.append((one, at, float(point[self.outcome])))

    def get_best_points(self) -> list[tuple[Any, dict[str, Any], dict[str, Any]]]:
        """The best place that was measured."""
        one, at, value = max(self._known, key=lambda known: known[2])
        return [(one, self._named(one, at), {self.outcome: value})]

    def _named(self, one: Any, at: np.ndarray) -> dict[str, Any]:
        ends = zip(self.bounds.items(), at, strict=True)
        return {"_id": one} | {n: float(low + (high - low) * x) for (n, (low, high)), x in ends}

    def _scaled(self, point: Mapping[str, Any]) -> np.ndarray:
        return np.array([(point[n] - low) / (high - low) for n, (low, high) in self.bounds.items()])

"""The random forest that tells damage from features, and each feature's share in its answers.

The settings are those of Li et al., Science 376 (2022) 517; 'mae' is called absolute_error now.
(With squared error the least decrease of impurity would stop trees at one or two leaves.) Shares
are Shapley values of trees (Lundberg et al., Nature Machine Intelligence 2 (2020) 56).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .weights import Card, WeightsError

PUBLISHED: dict[str, Any] = {
    "n_estimators": 40,
    "criterion": "absolute_error",
    "oob_score": True,
    "max_leaf_nodes": 30,
    "max_features": "sqrt",
    "min_impurity_decrease": 1.02e-5,
    "min_samples_leaf": 1,
    "min_weight_fraction_leaf": 0.0,
    "bootstrap": True,
}
LARGEST = 64 * 2**20
"""Bytes of a forest that are read."""
_TRUSTED = ["sklearn.tree._tree.Tree"]
"""What skops does not vouch for: its indices are looked at before a tree is asked anything."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A forest and what it says of its own training."""

    forest: Any
    """sklearn.ensemble.RandomForestRegressor"""
    oob: float
    """R^2 on the rows that each tree was not shown (out of bag)."""


def fit(values: np.ndarray, target: np.ndarray, seed: int) -> Fit:
    """Fit the published forest to values[row, feature] and target[row]; both finite."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(random_state=seed, **PUBLISHED)
    with warnings.catch_warnings():
        # a handful of rows may be in every bag: they have no say in the score
        warnings.filterwarnings("ignore", "Some inputs do not have OOB", UserWarning)
        forest.fit(np.asarray(values, np.float32), target)
    return Fit(forest, float(forest.oob_score_))


def split(rows: int, seed: int, share: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit on and rows to test on, as scikit-learn splits them."""
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(rows), test_size=share, random_state=seed)
    return np.asarray(train), np.asarray(test)


def shapley(forest: Any, values: np.ndarray) -> tuple[np.ndarray, float]:
    """Shapley values [row, feature] of values[row, feature], and the answer they start from.

    The sum of a row and the start is the forest's answer to it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plots that shap brings along
        from shap import TreeExplainer

    explainer = TreeExplainer(forest)
    shares = explainer.shap_values(np.asarray(values, np.float32), check_additivity=False)
    return np.asarray(shares), float(np.ravel(explainer.expected_value)[0])


def r2(target: np.ndarray, answer: np.ndarray) -> float:
    """Share of the variance of target[row] that answer[row] explains; NaN if there is none."""
    total = ((target - target.mean()) ** 2).sum() if len(target) > 1 else 0.0
    return float(1 - ((target - answer) ** 2).sum() / total) if total else np.nan


def save(forest: Any, facts: dict[str, Any], path: Path) -> Card:
    """Write a forest (skops) to `path`, and beside it its card (JSON) with its sha256."""
    import skops.io

    content = skops.io.dumps(forest)
    digest = hashlib.sha256(content).hexdigest()
    card = Card({"model": "random forest", "settings": PUBLISHED, "sha256": digest, **facts})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    text = json.dumps(card.facts, indent=1, allow_nan=False)
    path.with_suffix(".json").write_text(text + "\n")
    return card


def load(path: Path) -> tuple[Any, Card]:
    """Load a forest and its card; WeightsError if they don't belong together, or harm.

    Nothing in the file is executed: types that a forest has no use for are refused by name.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        facts = json.loads(path.with_suffix(".json").read_text())
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} has more than {LARGEST} bytes: it is no such forest")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(facts, dict) or facts.get("sha256") != digest:
        raise WeightsError(
            f"{path} has sha256 {digest}, its card says another: it is damaged or another "
            "forest's; take both files from the same place"
        )
    try:
        forest = skops.io.loads(content, trusted=_TRUSTED)
    except UntrustedTypesFoundException as error:
        raise WeightsError(f"{path} holds more than a forest: {error}") from error
    except Exception as error:  # a zip of JSON by strangers: anything may be wrong in it
        raise WeightsError(f"{path} is no forest: {error}") from error
    _check(path, forest)
    return forest, Card(facts)


def _check(path: Path, forest: Any) -> None:
    """Refuse trees whose nodes point out of themselves: asking them would crash the process."""
    from sklearn.ensemble import RandomForestRegressor

    if type(forest) is not RandomForestRegressor:
        raise WeightsError(f"{path} holds a {type(forest).__name__}, not a random forest")
    for one in forest.estimators_:
        tree = one.tree_
        left, right, here = tree.children_left, tree.children_right, np.arange(tree.node_count)
        inner = left != -1
        sound = (
            tree.n_features == forest.n_features_in_
            and tree.value.shape == (tree.node_count, 1, 1)
            and np.array_equal(inner, right != -1)
            and all(
                ((side > here) & (side < tree.node_count))[inner].all() for side in (left, right)
            )
            and ((tree.feature >= 0) & (tree.feature < tree.n_features))[inner].all()
        )
        if not sound:
            raise WeightsError(f"{path}: a tree of it points out of itself; it is damaged")

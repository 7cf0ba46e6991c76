from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from beamside.models import forest
from beamside.models.weights import WeightsError


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)


@pytest.fixture
def saved(values: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "why.skops"
    forest.save(forest.fit(values, values[:, 0], 0).forest, {"features": ["a", "b", "c"]}, path)
    return path


def test_a_forest_comes_back_as_it_was(saved: Path, values: np.ndarray) -> None:
    again, card = forest.load(saved)
    assert np.array_equal(
        again.predict(values), forest.fit(values, values[:, 0], 0).forest.predict(values)
    )
    assert card.facts["features"] == ["a", "b", "c"]
    assert card.facts["settings"]["criterion"] == "absolute_error"


def test_the_seed_decides(values: np.ndarray) -> None:
    one, two, other = (forest.fit(values, values[:, 0], seed) for seed in (1, 1, 2))
    assert one.oob == two.oob != other.oob


def test_a_damaged_forest_is_refused(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    saved.write_bytes(content)
    with pytest.raises(WeightsError, match="its card says another"):
        forest.load(saved)


def resealed(saved: Path, content: bytes) -> Path:
    """As somebody would who writes his own card."""
    saved.write_bytes(content)
    card = json.loads(saved.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(content).hexdigest()
    saved.with_suffix(".json").write_text(json.dumps(card))
    return saved


def test_what_is_no_forest_is_refused_and_not_executed(saved: Path, tmp_path: Path) -> None:
    import skops.io

    class Stranger:
        pass

    for content, words in (
        (b"not a zip", "no forest"),
        (skops.io.dumps([1, 2]), "not a random forest"),
        (skops.io.dumps(Stranger()), "more than a forest"),
    ):
        with pytest.raises(WeightsError, match=words):
            forest.load(resealed(saved, content))
    with pytest.raises(WeightsError, match="No such file"):
        forest.load(tmp_path / "nothing.skops")


def test_trees_that_point_out_of_themselves_are_refused(saved: Path, values: np.ndarray) -> None:
    import skops.io

    bad = forest.fit(values, values[:, 0], 0).forest
    bad.estimators_[3].tree_.children_left[0] = 10**6
    with pytest.raises(WeightsError, match="points out of itself"):
        forest.load(resealed(saved, skops.io.dumps(bad)))


def test_r2_of_nothing_is_not_a_number() -> None:
    assert np.isnan(forest.r2(np.ones(5), np.zeros(5)))
    assert np.isnan(forest.r2(np.ones(1), np.ones(1)))
    assert forest.r2(np.arange(5.0), np.arange(5.0)) == 1

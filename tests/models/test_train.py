"""Training: it learns, and it does so again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from beamside.models.train import Recipe, described, draw, train  # noqa: E402
from beamside.models.unet import UNet, predict  # noqa: E402

TINY = Recipe(steps=50, fields=2, tiles=4, pictures=4, width=8, rate=5e-3, seed=5)


def loss(net: UNet) -> float:
    """Nats a pixel on spectra that were not learned from."""
    tiles, _ = draw(replace(TINY, fields=12), 99, "validate")
    logits = predict(net, tiles.inputs)
    nats = np.logaddexp(0, logits) - tiles.target * logits
    return float((nats * tiles.weight).sum() / tiles.weight.sum())


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_tiny_run_learns() -> None:
    told: list[tuple[int, int, float]] = []
    trained = train(TINY, lambda *progress: told.append(progress))
    assert [step for step, _, _ in told] == [25, 50]
    torch.manual_seed(TINY.seed)
    assert loss(trained.net) < 0.9 * loss(UNet(TINY.width))
    assert np.isfinite(trained.metrics["tiles"]["average_precision"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights() -> None:
    short = replace(TINY, steps=4)
    first, again, other = train(short), train(short), train(replace(short, seed=6))
    pairs = zip(first.net.parameters(), again.net.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    pairs = zip(first.net.parameters(), other.net.parameters(), strict=True)
    assert not all(torch.equal(one, two) for one, two in pairs)


def test_the_task_decides_what_is_learned_from() -> None:
    recipe = Recipe(steps=4, pictures=2, task="pictures")
    (only,) = draw(recipe, 0)
    assert only.inputs.shape[0] == 2
    assert recipe.samples == 8
    assert {"generator": "pictures 1", "task": "pictures"}.items() <= described(recipe).items()
    assert "tiles" not in described(recipe)
    with pytest.raises(ValueError, match="task is spectra or pictures, not 'words'"):
        Recipe(task="words")


def test_numbers_that_train_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 4"):
        Recipe(steps=0)
    with pytest.raises(ValueError, match="fields must be at least 1"):
        Recipe(fields=0)

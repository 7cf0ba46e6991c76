"""Training a particle network: it learns, it does so again, and it stops when it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from beamside.models import course  # noqa: E402
from beamside.models.checkpoint import Checkpoint  # noqa: E402
from beamside.models.course import Held, train  # noqa: E402
from beamside.models.own_slices import (  # noqa: E402
    UNKNOWN,
    Cuts,
    filled,
    prepared,
    typical_diameter,
)
from beamside.models.stardist import Config, StarDist, predict  # noqa: E402
from beamside.models.train_stardist import (  # noqa: E402
    Generated,
    Recipe,
    Samples,
    draw,
    fresh,
    learn,
    sampled,
)
from beamside.models.weights import WeightsError  # noqa: E402

TINY = Recipe(steps=8, cycles=2, batch=1, size=32, base=4, features=8, rays=8, seed=5)


def same(one: StarDist, two: StarDist) -> bool:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.timeout(180)
def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = train(TINY), train(TINY)
    assert same(first.net, again.net)
    assert not same(first.net, train(replace(TINY, seed=6)).net)
    assert [step for step, *_ in first.curve] == [8]
    assert first.best == 8


def test_it_learns_one_slice_by_heart() -> None:
    recipe = replace(TINY, size=64)
    samples = draw(recipe, Generated(64), 0)
    net = fresh(recipe.config)
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3)
    losses = []
    for _ in range(40):
        loss = learn(net, samples)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-5:]) < 0.85 * losses[0]


def test_it_stops_when_what_is_held_back_gets_no_better_and_keeps_the_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(course, "EVERY", 4)
    config = replace(TINY, cycles=1, steps=400, rate=0.5)  # far too fast: it must go wrong
    held = Held([draw(config, Generated(32), 0, "validate")], patience=2)
    told: list[tuple[float, ...]] = []
    trained = train(config, held=held, progress=lambda step, steps, *loss: told.append(loss))
    assert trained.curve[-1][0] < 400
    assert len(told) == len(trained.curve)
    best = min(trained.curve, key=lambda point: point[2])
    assert trained.best == best[0]
    with torch.no_grad():
        assert float(learn(trained.net, held.samples[0])) == pytest.approx(best[2], rel=1e-4)


class KilledError(Exception):
    pass


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "EVERY", 3)
    held = Held([draw(TINY, Generated(32), 0, "validate")], patience=9)
    whole = train(TINY, held=held)
    seen: list[int] = []

    def failing(recipe: Recipe, source: object, step: int) -> Samples:
        seen.append(step)
        if seen == [0, 1, 2, 3, 4, 5]:
            raise KilledError
        return draw(recipe, Generated(32), step)

    monkeypatch.setattr(course, "draw", failing)
    kept = Checkpoint(tmp_path / "new" / "net.training.safetensors", TINY.facts())
    with pytest.raises(KilledError):
        train(TINY, held=held, kept=kept)
    again = train(TINY, held=held, kept=kept)
    assert seen[6:] == [3, 4, 5, 6, 7]
    assert same(whole.net, again.net)
    assert again.curve == whole.curve
    assert again.best == whole.best


def test_an_unfinished_training_of_other_settings_or_a_damaged_one_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "net.training.safetensors"
    train(TINY, kept=Checkpoint(path, TINY.facts()))
    other = replace(TINY, batch=2)
    with pytest.raises(WeightsError, match="with batch = 1, and 2 was asked for now"):
        train(other, kept=Checkpoint(path, other.facts()))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(WeightsError, match="delete it to begin anew"):
        train(TINY, kept=Checkpoint(path, TINY.facts()))


def test_it_goes_on_from_a_network_and_leaves_that_as_it_was() -> None:
    start = fresh(TINY.config)
    before = [p.clone() for p in start.parameters()]
    trained = train(replace(TINY, rate=1e-5), start=start)
    assert all(torch.equal(a, b) for a, b in zip(before, start.parameters(), strict=True))
    image = np.random.default_rng(1).random((1, 32, 32), dtype=np.float32)
    np.testing.assert_allclose(predict(start, image)[1], predict(trained.net, image)[1], rtol=0.05)


def test_places_that_nobody_labelled_teach_nothing() -> None:
    config = Config(rays=8, base=4, features=8)
    labels = np.full((32, 32), UNKNOWN, np.int32)
    labels[4:20, 4:20] = 1
    image = np.random.default_rng(1).random((32, 32), dtype=np.float32)
    samples = sampled(np.random.default_rng(1), [(image, labels)], config, share=1.0)
    known = samples.prob >= 0
    assert known.sum() == 64
    assert samples.place[:, 1:].max() < 10
    changed = replace(samples, prob=np.where(known, samples.prob, -5).astype(np.float32))
    net = fresh(config)
    with torch.no_grad():
        assert float(learn(net, samples)) == float(learn(net, changed))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"steps": 0}, "cycles must be from 1|steps must be at least 4"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"size": 40}, "size must be a multiple of 16"),
        ({"cycles": 0}, "cycles must be from 1"),
    ],
)
def test_numbers_that_train_nothing_are_refused(numbers: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(Recipe(), **numbers)


def test_cuts_keep_image_and_labels_together() -> None:
    labels = np.zeros((40, 90), np.int32)
    labels[10:30, 20:60] = 3
    cuts = Cuts([(labels.astype(np.float32), labels)], 48)
    for image, cut in cuts(np.random.default_rng(1), 6):
        assert image.shape == cut.shape == (48, 48)
        assert (cut == UNKNOWN).mean() == pytest.approx(8 / 48)
        if (cut == 3).any():
            assert image[cut == 3].mean() > image[cut == 0].mean() + 1


def test_pictures_are_prepared_without_holes_and_at_the_scale_of_the_network() -> None:
    labels = np.zeros((60, 80), np.int32)
    labels[10:50, 10:50], labels[25:35, 25:35] = 2, 0
    labels[25:35, 60:70] = 1
    assert (filled(labels) == 2).sum() == 1600
    image, small = prepared(labels.astype(np.uint8), labels, 0.5)
    assert image.shape == small.shape == (30, 40)
    assert (small == 2).sum() == pytest.approx(400, rel=0.05)
    assert typical_diameter([labels]) == pytest.approx(2 * np.sqrt(1500 / np.pi))
    with pytest.raises(ValueError, match="no particle"):
        typical_diameter([np.zeros((4, 4), int)])

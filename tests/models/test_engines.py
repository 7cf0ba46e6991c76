"""What computes the network: each engine gives the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from beamside.models import engines  # noqa: E402
from beamside.models.engines import Precision, engine  # noqa: E402
from beamside.models.ranges import ranges  # noqa: E402
from beamside.models.stardist import Config, StarDist, predict  # noqa: E402
from beamside.models.tiled import answers, resized, tiles  # noqa: E402

CONFIGS = (
    Config(rays=8, base=4, features=8),
    Config(rays=5, base=3, features=0, grid=(1, 1), depth=1, activation="elu"),
    Config(rays=8, base=4, features=8, grid=(2, 4), depth=2, kernel=(3, 5), convolutions=3),
)


FULL = Precision(half=False, eight_bits=False)


def network(config: Config) -> StarDist:
    torch.manual_seed(3)
    return StarDist(config).eval()


@pytest.mark.parametrize("config", CONFIGS)
def test_openvino_answers_as_torch_does(config: Config) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    images = np.random.default_rng(1).random((2, 37, 50), dtype=np.float32)
    ask, how = engine(network(config), "openvino", FULL)
    assert how == "float32"
    for one, two in zip(predict(network(config), images), ask(images), strict=True):
        assert one.shape == two.shape
        np.testing.assert_allclose(one, two, atol=2e-5)


def test_half_precision_is_close_whatever_the_machine_has() -> None:
    images = np.random.default_rng(1).random((1, 64, 64), dtype=np.float32)
    full = engine(network(CONFIGS[0]), "torch", FULL)[0](images)
    ask, how = engine(network(CONFIGS[0]), "torch", Precision(half=True))
    assert how == "bfloat16"
    assert abs(full[0] - ask(images)[0]).max() < 0.02


@pytest.mark.parametrize("config", CONFIGS)
def test_eight_bits_are_close(config: Config) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    net = network(config)
    images = np.random.default_rng(1).random((2, 64, 48), dtype=np.float32)
    spans = {name: (low, high) for name, (low, high) in ranges(net, images).items()}
    ask, how = engine(net, "openvino", Precision(eight_bits=True, ranges=spans))
    assert how == "8 bits"
    for one, two in zip(predict(net, images), ask(images), strict=True):
        assert abs(one - two).max() < 0.03 * max(1.0, abs(one).max())


def test_the_processor_decides_on_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = {"features": (0.0, 1.0)}
    for features, given, expected in (
        (engines.WHOLE, Precision(ranges=spans), "8 bits"),
        (engines.WHOLE, Precision(), "float32"),
        (engines.NATIVE + engines.WHOLE, Precision(ranges=spans), "bfloat16"),
        (engines.NATIVE + engines.WHOLE, Precision(eight_bits=True, ranges=spans), "8 bits"),
        ((), Precision(ranges=spans), "float32"),
    ):
        there = set(features)
        monkeypatch.setattr(engines, "made_for", lambda names, there=there: bool(there & {*names}))
        assert str(given.chosen(openvino=True, gpu=False)) == expected
    assert str(Precision(ranges=spans).chosen(openvino=False, gpu=True)) == "bfloat16"


@pytest.mark.parametrize(
    ("given", "name", "words"),
    [
        (Precision(eight_bits=True, half=True), "openvino", "and not half precision"),
        (Precision(eight_bits=True), "torch", "8 bits need the engine openvino"),
        (Precision(eight_bits=True), "openvino", "the card of this network has none"),
    ],
)
def test_precisions_that_cannot_be_are_refused(given: Precision, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        engine(network(CONFIGS[0]), name, given)


def test_engines_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="engine is auto, torch, openvino"):
        engine(network(CONFIGS[0]), "steam")
    with pytest.raises(ValueError, match="computes on the CPU, not on cuda"):
        engine(network(CONFIGS[0]), "openvino", device="cuda")
    with pytest.raises(ValueError, match="device is auto, cpu, cuda or cuda:NUMBER, not 'warp'"):
        engine(network(CONFIGS[0]), device="warp")
    with pytest.raises(ValueError, match="torch sees no GPU for the device 'cuda:999' here"):
        engine(network(CONFIGS[0]), device="cuda:999")


def test_many_small_images_and_one_large_give_the_same_as_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from beamside.models import tiled

    net = network(CONFIGS[0])
    ask, _ = engine(net, "torch", FULL)
    images = np.random.default_rng(1).random((3, 50, 70), dtype=np.float32)
    alone = ask(images)
    for together in (1, 2, 9):
        parts = list(answers(ask, net.config, images, together))
        np.testing.assert_allclose(np.stack([prob for prob, _ in parts]), alone[0], atol=1e-5)
    large = np.random.default_rng(2).random((1, 200, 340), dtype=np.float32)
    whole = ask(large)
    monkeypatch.setattr(tiled, "WHOLE", 100)
    monkeypatch.setattr(tiled, "TILE", 64)
    prob, dist = next(answers(ask, net.config, large))
    np.testing.assert_allclose(prob, whole[0][0], atol=1e-5)
    np.testing.assert_allclose(dist, whole[1][0], atol=1e-4)


def test_tiles_answer_for_every_pixel_once() -> None:
    count = np.zeros((2100, 1500), int)
    for seen, inner, at in tiles((2100, 1500), (16, 16)):
        count[at] += 1
        assert count[seen][inner].shape == count[at].shape
    assert (count == 1).all()


def test_resampling_keeps_the_mean_and_the_place() -> None:
    image = np.zeros((60, 90), np.float32)
    image[20:40, 30:60] = 1
    for scale in (0.3, 0.5, 2.0):
        small = resized(image, scale)
        assert small.shape == (round(60 * scale), round(90 * scale))
        assert small.mean() == pytest.approx(image.mean(), rel=0.05)
        y, x = np.argwhere(small > 0.5).mean(axis=0)
        assert (y + 0.5) / scale == pytest.approx(30, abs=1)
        assert (x + 0.5) / scale == pytest.approx(45, abs=1)
    assert resized(image, 1.001) is image

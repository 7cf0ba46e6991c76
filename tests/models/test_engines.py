"""What computes the network: each engine gives the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from beamside.models.engines import engine, native_half  # noqa: E402
from beamside.models.stardist import Config, StarDist, predict  # noqa: E402
from beamside.models.tiled import answers, resized, tiles  # noqa: E402

CONFIGS = (
    Config(rays=8, base=4, features=8),
    Config(rays=5, base=3, features=0, grid=(1, 1), depth=1, activation="elu"),
    Config(rays=8, base=4, features=8, grid=(2, 4), depth=2, kernel=(3, 5), convolutions=3),
)


def network(config: Config) -> StarDist:
    torch.manual_seed(3)
    return StarDist(config).eval()


@pytest.mark.parametrize("config", CONFIGS)
def test_openvino_answers_as_torch_does(config: Config) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    images = np.random.default_rng(1).random((2, 37, 50), dtype=np.float32)
    for one, two in zip(
        predict(network(config), images),
        engine(network(config), "openvino", half=False)(images),
        strict=True,
    ):
        assert one.shape == two.shape
        np.testing.assert_allclose(one, two, atol=2e-5)


def test_half_precision_is_close_whatever_the_machine_has() -> None:
    images = np.random.default_rng(1).random((1, 64, 64), dtype=np.float32)
    full = engine(network(CONFIGS[0]), "torch", half=False)(images)
    half = engine(network(CONFIGS[0]), "torch", half=True)(images)
    assert abs(full[0] - half[0]).max() < 0.02
    assert native_half() in (True, False)


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
    ask = engine(net, "torch", half=False)
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

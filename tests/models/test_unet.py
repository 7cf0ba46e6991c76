"""The network: the same answer every time, alone or in a batch, in half precision too."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.models.inputs import CHANNELS
from beamside.models.phantoms.spectra import tiles

torch = pytest.importorskip("torch")

from beamside.models.unet import UNet, parameters, predict  # noqa: E402


def network(seed: int = 1) -> UNet:
    torch.manual_seed(seed)
    return UNet()


def test_it_is_small() -> None:
    assert 1e5 < parameters(network()) < 5e5


def test_the_same_input_gives_the_same_answer() -> None:
    net, inputs = network(), tiles(np.random.default_rng(1), 2).inputs
    first = predict(net, inputs)
    assert first.shape == (len(inputs), *inputs.shape[2:])
    assert first.dtype == np.float32
    np.testing.assert_array_equal(predict(net, inputs), first)


def test_an_answer_does_not_depend_on_its_batch() -> None:
    net, inputs = network(), tiles(np.random.default_rng(1), 2).inputs
    together = predict(net, inputs)
    alone = np.concatenate([predict(net, inputs[n : n + 1]) for n in range(len(inputs))])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_half_precision_is_close() -> None:
    net, inputs = network(), tiles(np.random.default_rng(1), 1).inputs
    full, half = predict(net, inputs), predict(net, inputs, half=True)
    assert np.abs(full - half).max() < 0.1
    assert not np.array_equal(full, half)


def test_no_input_gives_no_answer() -> None:
    assert predict(network(), np.zeros((0, CHANNELS, 16, 16), np.float32)).shape == (0, 16, 16)


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        predict(network(), np.zeros((1, CHANNELS, 20, 16), np.float32))

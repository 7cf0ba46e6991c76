"""The StarDist network: official models are read, and answer as they did in tensorflow.

`official/` holds a small model with random weights, made by stardist 0.9.2 with tensorflow 2.21
(grid (2, 4), kernel (3, 5), 8 rays), an image of 37 x 50 and what `StarDist2D.predict` said of it;
`make.py` there makes them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from beamside.models.official import read_official  # noqa: E402
from beamside.models.stardist import (  # noqa: E402
    Config,
    StarDist,
    configured,
    layers,
    parameters,
    predict,
)
from beamside.models.weights import (  # noqa: E402
    WeightsError,
    load,
    load_stardist,
    save_stardist,
)

OFFICIAL = Path(__file__).with_name("official")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the official model that may be spoiled."""
    return Path(shutil.copytree(OFFICIAL, tmp_path / "model"))


def change(path: Path, **facts: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def small(depth: int = 3) -> StarDist:
    torch.manual_seed(3)
    return StarDist(Config(rays=8, base=4, features=8, depth=depth))


def test_it_answers_as_tensorflow_did() -> None:
    net, facts = read_official(OFFICIAL)
    with np.load(OFFICIAL / "answer.npz") as answer:
        prob, dist = predict(net, answer["image"][None])
        assert prob.shape == (1, 19, 13)
        np.testing.assert_allclose(prob[0], answer["prob"], atol=2e-6)
        np.testing.assert_allclose(dist[0], answer["dist"], atol=2e-5)
    assert facts["thresholds"] == {"prob": 0.55, "nms": 0.35}


def test_it_answers_as_tensorflow_does(folder: Path) -> None:
    pytest.importorskip("tensorflow", reason="tensorflow and stardist are not installed")
    models = pytest.importorskip("stardist.models", reason="stardist is not installed")
    official = models.StarDist2D(None, name=folder.name, basedir=str(folder.parent))
    image = np.random.default_rng(5).random((61, 47), dtype=np.float32)
    true_prob, true_dist = official.predict(image)
    prob, dist = predict(read_official(folder)[0], image[None])
    np.testing.assert_allclose(prob[0], true_prob, atol=5e-6)
    np.testing.assert_allclose(dist[0], true_dist, atol=5e-5)


def test_the_published_configuration_has_the_published_number_of_parameters() -> None:
    assert parameters(StarDist(Config())) == 1_425_185


def test_layers_come_in_the_official_order() -> None:
    names = [name for name, _, _ in layers(Config(depth=2))]
    assert names[:4] == ["pool_0_no_0", "pool_0_no_1", "down_level_0_no_0", "down_level_0_no_1"]
    assert names[-5:] == [
        "up_level_1_no_0", "up_level_1_no_2", "up_level_0_no_0", "up_level_0_no_2", "features",
    ]  # fmt: skip


def test_an_answer_does_not_depend_on_its_batch_nor_on_its_padding() -> None:
    net = small()
    images = np.random.default_rng(1).random((3, 48, 64), dtype=np.float32)
    prob, dist = predict(net, images)
    alone = predict(net, images[1:2])
    np.testing.assert_allclose(prob[1:2], alone[0], atol=1e-6)
    np.testing.assert_allclose(dist[1:2], alone[1], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (3, 90), (17, 16)])
def test_images_of_any_size_are_answered(shape: tuple[int, int]) -> None:
    prob, dist = predict(small(), np.ones((1, *shape), np.float32))
    assert prob.shape == (1, -(-shape[0] // 2), -(-shape[1] // 2))
    assert dist.shape == (*prob.shape, 8)


def test_half_precision_is_close() -> None:
    images = np.random.default_rng(1).random((1, 64, 64), dtype=np.float32)
    prob, dist = predict(small(), images)
    half = predict(small(), images, half=True)
    assert abs(prob - half[0]).max() < 0.02
    assert abs(dist - half[1]).max() < 0.05 * max(1.0, dist.max())


def test_a_network_is_kept_and_found_again(tmp_path: Path) -> None:
    net = small(depth=2)
    save_stardist(net, {"thresholds": {"prob": 0.5, "nms": 0.4}}, "mine", tmp_path)
    again, card = load_stardist("mine", tmp_path)
    assert again.config == net.config
    assert card.number("thresholds", "nms") == 0.4
    images = np.random.default_rng(1).random((1, 32, 32), dtype=np.float32)
    np.testing.assert_array_equal(predict(net, images)[0], predict(again, images)[0])


def test_damaged_weights_and_other_networks_are_refused_in_words(tmp_path: Path) -> None:
    save_stardist(small(), {}, "mine", tmp_path)
    with pytest.raises(WeightsError, match="a network of the kind 'stardist', but 'unet'"):
        load("mine", tmp_path)
    change(tmp_path / "mine.json", config=Config(rays=8, base=5, features=8).facts())
    with pytest.raises(WeightsError, match="don't fit a StarDist network of its card"):
        load_stardist("mine", tmp_path)
    change(tmp_path / "mine.json", config={"rays": 8, "wheels": 4})
    with pytest.raises(WeightsError, match="describes no StarDist network"):
        load_stardist("mine", tmp_path)
    (tmp_path / "mine.safetensors").write_bytes(b"other")
    with pytest.raises(WeightsError, match="sha256"):
        load_stardist("mine", tmp_path)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"n_dim": 3}, "only two-dimensional models"),
        ({"backbone": "resnet"}, "only U-Nets"),
        ({"n_classes": 2}, "only models without classes"),
        ({"n_channel_in": 3}, "only models of grey images"),
        ({"unet_batch_norm": True}, "without batch normalisation"),
        ({"unet_activation": "swish"}, "activation 'swish' is not known"),
        ({"grid": [3, 3]}, "powers of two"),
        ({"grid": [1, 1]}, "4 convolutions before the U-Net, but its config.json asks for 0"),
        ({"unet_n_filter_base": 8}, "belong to different models"),
        ({"unet_n_depth": 1}, "different models|a layer that config.json doesn't"),
        ({"unet_n_depth": 3}, "different models|no layer"),
        ({"n_rays": 16}, "belong to different models"),
    ],
)
def test_a_wrong_architecture_is_refused_in_words(
    folder: Path, facts: dict[str, object], words: str
) -> None:
    change(folder / "config.json", **facts)
    with pytest.raises(WeightsError, match=words):
        read_official(folder)


def test_a_wrong_hash_is_refused_in_words() -> None:
    with pytest.raises(WeightsError, match="it is another file"):
        read_official(OFFICIAL, sha256="0" * 64)


def test_missing_and_spoiled_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json is missing"):
        read_official(tmp_path / "nowhere")
    (folder / "thresholds.json").write_text('{"prob": 7, "nms": 0.4}')
    with pytest.raises(WeightsError, match="between 0 and 1"):
        read_official(folder)
    (folder / "thresholds.json").unlink()
    assert read_official(folder)[1]["thresholds"] == {"prob": 0.5, "nms": 0.4}
    (folder / "weights_best.h5").write_bytes(b"\x89HDF\r\n\x1a\n but not really")
    with pytest.raises(WeightsError, match="can't be read as HDF5"):
        read_official(folder)
    (folder / "weights_best.h5").unlink()
    with pytest.raises(WeightsError, match=r"has none of weights_best\.h5"):
        read_official(folder)


def test_the_file_format_of_keras_3_is_read_too(folder: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(OFFICIAL / "weights_best.h5") as old, h5py.File(folder / "new.h5", "w") as new:
        for layer, group in old.items():
            arrays = [group[f"{layer}/{name}"] for name in ("kernel", "bias") if layer in group]
            for number, array in enumerate(arrays):
                new[f"layers/{layer}/vars/{number}"] = array[()]
    (folder / "new.h5").replace(folder / "weights_best.h5")
    image = np.random.default_rng(1).random((1, 32, 32), dtype=np.float32)
    one, two = (predict(read_official(f)[0], image)[0] for f in (OFFICIAL, folder))
    np.testing.assert_array_equal(one, two)


def test_configurations_survive_json() -> None:
    config = Config(rays=16, grid=(4, 2), kernel=(5, 3), features=0)
    assert configured(json.loads(json.dumps(config.facts()))) == config
    with pytest.raises(ValueError, match="at least 3 rays"):
        Config(rays=2)

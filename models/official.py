"""Models of the official package `stardist` (tensorflow), read without tensorflow.

    net, facts = read_official(Path("models/LIB"))

That folder holds config.json, weights_best.h5 and, mostly, thresholds.json; h5 files of
tensorflow 1 and 2, of Keras 2 and 3. What isn't the two-dimensional U-Net that `stardist.py`
builds is refused in words.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .normalise import HIGH, LOW
from .weights import WeightsError

if TYPE_CHECKING:
    from .stardist import Config, StarDist

WEIGHTS = ("weights_best.h5", "weights_last.h5", "weights_now.h5")
"""In the order in which the official package looks for them."""
DEFAULT_THRESHOLDS = {"prob": 0.5, "nms": 0.4}
"""Of the official package, where a model has no thresholds.json."""
LARGEST = 1 << 20
"""Bytes of a JSON file that are read."""
TRAINED_AT = 48.0
"""Pixels of a particle that the published NMC models like best."""
RENAMED = {
    "rays": "n_rays", "depth": "unet_n_depth", "base": "unet_n_filter_base",
    "expansion": "unet_expansion", "convolutions": "unet_n_conv_per_depth",
    "features": "net_conv_after_unet", "activation": "unet_activation",
    "last_activation": "unet_last_activation",
}  # fmt: skip
PAIRS = {"grid": "grid", "kernel": "unet_kernel_size", "pool": "unet_pool"}
FIXED = {
    "n_dim": (2, "two-dimensional models"), "backbone": ("unet", "U-Nets"),
    "n_channel_in": (1, "models of grey images"), "n_classes": (None, "models without classes"),
    "unet_batch_norm": (False, "models without batch normalisation"),
    "unet_prefix": ("", "models without a prefix"),
}  # fmt: skip


def read_official(folder: Path, sha256: str | None = None) -> tuple[StarDist, dict[str, Any]]:
    """Read an official model; give the network and what its card should say.

    `sha256` is that of the weights file, if it is known. WeightsError says what is wrong.
    """
    from .stardist import StarDist

    config = _config(_json(folder / "config.json"))
    path = _weights_file(folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 is not None and sha256.lower() != digest:
        raise WeightsError(f"{path} has sha256 {digest}, not {sha256}: it is another file")
    net = StarDist(config)
    _fill(net, _arrays(path), path)
    thresholds = _thresholds(folder / "thresholds.json")
    return net.eval(), {
        "task": "particles in slices",
        "imported_from": {"file": path.name, "sha256": digest, "format": "official StarDist 2D"},
        "thresholds": thresholds,
        "normalise": [LOW, HIGH],
        "particle_px": TRAINED_AT,
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} has more than {LARGEST} bytes: it is none of a model")
        facts = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise WeightsError(
            f"{path} is missing: give the folder of an official StarDist model, with config.json "
            f"and {WEIGHTS[0]}"
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {error}") from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path} is no JSON object")
    return facts


def _config(facts: dict[str, Any]) -> Config:
    """Translate config.json; what was added to the format later has its default."""
    from .stardist import Config

    for name, (allowed, words) in FIXED.items():
        if facts.get(name, allowed) != allowed:
            raise WeightsError(f"{name} is {facts[name]!r}: only {words} can be read")
    missing = sorted({"n_rays", "grid", "unet_n_depth", "unet_n_filter_base"} - set(facts))
    if missing:
        raise WeightsError(f"config.json has no {missing[0]!r}: it is none of StarDist 2D")
    known: dict[str, Any] = {ours: facts[name] for ours, name in RENAMED.items() if name in facts}
    known |= {ours: tuple(facts[name]) for ours, name in PAIRS.items() if name in facts}
    try:
        return Config(**known)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"config.json: {error}") from error


def _thresholds(path: Path) -> dict[str, float]:
    if not path.exists():
        return dict(DEFAULT_THRESHOLDS)
    facts = _json(path)
    try:
        thresholds = {name: float(facts[name]) for name in DEFAULT_THRESHOLDS}
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} must have numbers prob and nms") from error
    if not all(0 <= value <= 1 for value in thresholds.values()):
        raise WeightsError(f"{path}: thresholds lie between 0 and 1, not {thresholds}")
    return thresholds


def _weights_file(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{folder} has none of {', '.join(WEIGHTS)}")


def _arrays(path: Path) -> dict[str, dict[int, np.ndarray]]:
    """Give the arrays of every layer by their number of dimensions: 4 kernel, 1 bias."""
    import h5py

    found: dict[str, dict[int, np.ndarray]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim in (1, 4):
            parts = [part for part in name.split("/") if part not in ("model_weights", "layers")]
            if parts[0] != "optimizer_weights":
                found.setdefault(parts[0], {})[item.ndim] = np.asarray(item[()], np.float32)

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} can't be read as HDF5: {error}") from error
    return found


def _fill(net: StarDist, found: dict[str, dict[int, np.ndarray]], path: Path) -> None:
    """Copy the arrays into the layers of the same name."""
    import torch

    unnamed = sorted((n for n in found if re.fullmatch(r"conv2d(_\d+)?", n)), key=_number)
    pooling = [name for name in dict(net.named_children()) if name.startswith("pool_")]
    if len(unnamed) != len(pooling):
        raise WeightsError(
            f"{path} has {len(unnamed)} convolutions before the U-Net, but its config.json asks "
            f"for {len(pooling)}: they belong to different models"
        )
    source = dict(zip(pooling, unnamed, strict=True))
    for name, layer in net.named_children():
        arrays = found.pop(source.get(name, name), {})
        kernel, bias = arrays.get(4), arrays.get(1)
        if kernel is None or bias is None:
            raise WeightsError(f"{path} has no layer {name!r} with kernel and bias")
        kernel = kernel.transpose(3, 2, 0, 1)
        assert isinstance(layer, torch.nn.Conv2d)  # noqa: S101  all of them are
        if kernel.shape != layer.weight.shape:
            raise WeightsError(
                f"the kernel of {name!r} in {path} is {kernel.shape} (out, in, y, x), but "
                f"config.json asks for {tuple(layer.weight.shape)}: they belong to different models"
            )
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise WeightsError(f"{name!r} in {path} holds numbers that are not finite")
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(kernel.copy()))
            layer.bias.copy_(torch.from_numpy(bias))  # type: ignore[union-attr]
    if found:
        raise WeightsError(f"{path} has a layer that config.json doesn't: {sorted(found)[0]!r}")


def _number(name: str) -> int:
    return int(name.partition("_")[2] or 0)

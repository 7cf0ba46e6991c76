"""Make the references of the official package that the tests compare with.

    python make.py FOLDER

A script for an interpreter with stardist and tensorflow (made with 0.9.2 and 2.21); it imports
nothing of ours. Into FOLDER it writes a small model with random weights, what that says of an image
(`answer.npz`), and, from the stars in `tests/analysis/particles/official.npz`, what the package
makes of them (`official.npz`). `shipped.py` beside it makes the third reference.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

GIVEN = Path(__file__).parents[2] / "analysis" / "particles" / "official.npz"
THRESHOLDS = (2, 4, 6)
"""Tenths."""


def small_model(folder: Path) -> None:
    """Write config.json, thresholds.json, weights_best.h5 and answer.npz."""
    from stardist.models import Config2D, StarDist2D

    rng = np.random.default_rng(1)
    config = Config2D(
        n_rays=8, grid=(2, 4), n_channel_in=1, unet_n_depth=2, unet_n_filter_base=4,
        unet_kernel_size=(3, 5), net_conv_after_unet=8, train_tensorboard=False,
    )  # fmt: skip
    model = StarDist2D(config, name=folder.name, basedir=str(folder.parent))
    for layer in model.keras_model.layers:
        if layer.get_weights():
            layer.set_weights(_weights(rng, layer))
    model.keras_model.save_weights(str(folder / "weights_best.h5"))
    (folder / "thresholds.json").write_text('{"prob": 0.55, "nms": 0.35}')
    image = rng.random((37, 50)).astype(np.float32)
    prob, dist = model.predict(image)
    np.savez_compressed(folder / "answer.npz", image=image, prob=prob, dist=dist)


def _weights(rng: np.random.Generator, layer: Any) -> list[np.ndarray]:
    kernel, bias = (value.shape for value in layer.get_weights())
    away = 3 if layer.name == "dist" else 0
    return [
        (rng.standard_normal(kernel) * np.sqrt(2 / np.prod(kernel[:3]))).astype(np.float32),
        (rng.standard_normal(bias) * 0.1 + away).astype(np.float32),
    ]


def answers(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Say what the package keeps of the stars, draws of them, walks along rays, and scores."""
    from stardist import matching
    from stardist.geometry import polygons_to_label, star_dist
    from stardist.nms import non_maximum_suppression_sparse

    said = dict(given)
    for kind in ("", "random_"):
        dist, prob = given[f"{kind}dist"], given[f"{kind}prob"]
        points = given[f"{kind}points"].astype(np.float32)
        for tenths in THRESHOLDS:
            kept = non_maximum_suppression_sparse(dist, prob, points, nms_thresh=tenths / 10)
            said[f"{kind}kept_{tenths}"] = np.sort(kept[3]).astype(np.int16)
    last = said[f"kept_{THRESHOLDS[-1]}"]
    drawn = polygons_to_label(
        given["dist"][last], given["points"][last], given["true"].shape, prob=given["prob"][last]
    )
    true = given["true"].astype(np.int32)
    rays = star_dist(true.astype(np.uint16), given["dist"].shape[1])
    said["labels"] = drawn.astype(np.uint8)
    said["distances"] = rays[tuple(given["places"].T)]
    scores = [matching.matching(true, drawn, least) for least in (0.5, 0.75, 0.9)]
    said["ap"] = np.array([score.accuracy for score in scores])
    said["mean_iou"] = np.array(scores[0].mean_matched_score)
    return said


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    small_model(out)
    with np.load(GIVEN, allow_pickle=False) as file:
        said = answers({name: file[name] for name in file.files})
    np.savez_compressed(out / "official.npz", **said)  # type: ignore[arg-type]

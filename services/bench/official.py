"""The anchor of `beamside bench particles`: the official stardist, run where it is installed.

    python official.py GIVEN.npz ANSWER.npz ROUNDS HALF

A script for another interpreter, one with stardist and tensorflow: it imports nothing of ours.
`GIVEN` holds `image` (float32 [y, x], normalised), `config` (JSON), `thresholds` and the arrays of
the layers, `LAYER/kernel` and `LAYER/bias`. `ANSWER` holds `labels`, and CPU seconds of each round.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np


def main() -> None:
    """Build the model, fill it, predict, and tell what it cost."""
    import tensorflow

    if sys.argv[4] == "1":
        tensorflow.config.optimizer.set_experimental_options(
            {"auto_mixed_precision_onednn_bfloat16": True}
        )
    from stardist.models import Config2D, StarDist2D

    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    with np.load(sys.argv[1], allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    config = json.loads(str(given["config"]))
    network = StarDist2D(Config2D(**config), name="anchor", basedir=None)
    _fill(network.keras_model, given)
    prob, nms = given["thresholds"]
    costs = []
    for _ in range(int(sys.argv[3]) + 1):
        began = time.process_time()
        labels, _ = network.predict_instances(
            given["image"], prob_thresh=float(prob), nms_thresh=float(nms), show_tile_progress=False
        )
        costs.append(time.process_time() - began)
    np.savez(sys.argv[2], labels=labels, cpu_s=np.array(costs[1:]))


def _fill(network: Any, given: dict[str, np.ndarray]) -> None:
    """Put the arrays into the layers; those before the U-Net have names of Keras's own."""
    before = [layer for layer in network.layers if layer.name.startswith("conv2d")]
    names = {layer.name: f"pool_{n // 2}_no_{n % 2}" for n, layer in enumerate(before)}
    for layer in network.layers:
        name = names.get(layer.name, layer.name)
        if layer.get_weights():
            layer.set_weights([given[f"{name}/kernel"], given[f"{name}/bias"]])


if __name__ == "__main__":
    main()

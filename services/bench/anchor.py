"""Ask the official stardist, in an interpreter that has it, about one image."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 900
"""Seconds that it may take."""


@dataclass(frozen=True)
class Official:
    """What the official package needed and found."""

    labels: np.ndarray
    cpu_s: float


def official(
    python: Path, image: np.ndarray, *, published: bool, rounds: int, half: bool = False
) -> Official:
    """Run `official.py` in another interpreter; RuntimeError says what went wrong there."""
    from ...analysis.particles.model import model
    from ...models.stardist import Config

    network = model()
    config = Config() if published else network.net.config
    arrays: dict[str, Any] = _padded(network.net, config)
    thresholds = [network.threshold("prob"), network.threshold("nms")]
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(
            given,
            image=image,
            thresholds=thresholds,
            config=np.array(json.dumps(_official_facts(config))),
            **arrays,
        )
        script = Path(__file__).with_name("official.py")
        done = subprocess.run(  # noqa: S603  the interpreter that the user named, our script
            [python, script, given, answer, str(rounds), str(int(half))],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
            cwd=folder,
        )
        if done.returncode:
            raise RuntimeError(f"{python} could not run stardist: {done.stderr[-400:]}")
        with np.load(answer, allow_pickle=False) as file:
            return Official(file["labels"], float(file["cpu_s"].min()))


def _official_facts(config: Any) -> dict[str, Any]:
    from ...models.official import PAIRS, RENAMED

    facts = config.facts()
    return {theirs: facts[ours] for ours, theirs in {**RENAMED, **PAIRS}.items()}


def _padded(net: Any, config: Any) -> dict[str, np.ndarray]:
    """Our arrays in the corner of those of `config`, (y, x, in, out); zero elsewhere.

    What a skip connection adds lies behind what comes from below, in the middle of the wider ones.
    """
    from ...models.stardist import StarDist

    ours = {name: value.numpy() for name, value in net.state_dict().items()}
    arrays = {}
    for name, value in StarDist(config).state_dict().items():
        wide, own = np.zeros(tuple(value.shape), np.float32), ours[name]
        layer, kind = name.split(".")
        if kind == "bias":
            wide[: len(own)] = own
            arrays[f"{layer}/bias"] = wide
            continue
        out, many = own.shape[:2]
        if layer.startswith("up_") and layer.endswith("_no_0"):
            half, middle = many // 2, wide.shape[1] // 2
            wide[:out, :half], wide[:out, middle : middle + half] = own[:, :half], own[:, half:]
        else:
            wide[:out, :many] = own
        arrays[f"{layer}/kernel"] = wide.transpose(2, 3, 1, 0)
    return arrays

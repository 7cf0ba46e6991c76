"""Between which values the layers of a network compute: what whole numbers of 8 bits must span.

Measured on generated slices whose particles are from half to three times as large as the network
likes best: distances, and with them the last layers, grow with the particles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from .normalise import normalised
from .phantoms.nmc import DIAMETER, nmc_slice
from .stardist import StarDist, pad

SIZES = (0.5, 1.0, 2.0, 3.0)
"""Of the particles, relative to what the network likes best."""
EDGE = 256
"""Pixels of a slice."""
SEED = 7
ROOM = 1.1
"""What is left above the most that was seen."""
LIMITS = (-1.0, 2.0)
"""Of normalised greys, as the finder clips them."""


def ranges(net: StarDist, images: Iterable[np.ndarray] | None = None) -> dict[str, list[float]]:
    """Measure the least and most that goes into each convolution, by its name.

    For normalised `images` [y, x], or generated ones.
    """
    seen: dict[str, list[float]] = {}

    def look(name: str, values: torch.Tensor) -> None:
        low, high = seen.get(name, (0.0, 0.0))
        seen[name] = [min(low, float(values.min())), max(high, float(values.max()))]

    hooks = [
        module.register_forward_pre_hook(lambda _, given, name=name: look(name, given[0]))
        for name, module in net.named_modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    with torch.inference_mode():
        for image in generated() if images is None else images:
            shown = np.clip(np.asarray(image, np.float32), *LIMITS)
            net(torch.from_numpy(pad(shown[None], net.config.block))[:, None])
    for hook in hooks:
        hook.remove()
    return {name: [round(ROOM * value, 4) for value in pair] for name, pair in seen.items()}


def generated() -> Iterator[np.ndarray]:
    """Give normalised slices with particles of all sizes that are usual."""
    for number, size in enumerate(SIZES):
        rng = np.random.default_rng([SEED, number])
        yield normalised(nmc_slice(rng, (EDGE, EDGE), DIAMETER * size).image)

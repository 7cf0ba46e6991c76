"""A StarDist network with its card, ready to be asked about slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...models.weights import SHIPPED, Card, WeightsError, load_stardist
from ..operators import AnalysisError

if TYPE_CHECKING:
    from ...models.stardist import StarDist

NAME = "nmc-stardist"
"""The network that comes with beamside."""


@dataclass(frozen=True)
class Model:
    """A trained network."""

    net: StarDist
    card: Card
    half: bool = False
    """Compute in bfloat16."""
    device: str = "cpu"

    @property
    def grid(self) -> tuple[int, int]:
        """Pixels (y, x) for one place."""
        return self.net.config.grid

    @property
    def particle_px(self) -> float:
        """Diameter of the particles that it likes best."""
        return self.card.number("particle_px")

    def threshold(self, name: str) -> float:
        """Give the threshold `prob` or `nms` that belongs to the network."""
        return self.card.number("thresholds", name)

    def scaled(self, image: np.ndarray, scale: float) -> np.ndarray:
        """Resample `image` [y, x] to `scale` times as many pixels along each axis."""
        from ...models.tiled import resized

        return resized(image, scale)

    def answers(self, images: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give prob [Y, X] and dist [Y, X, ray] of each normalised image of [n, y, x]."""
        from ...models.tiled import answers

        return answers(self.net, images, half=self.half, device=self.device)


@lru_cache(maxsize=4)
def model(name: str = NAME, half: bool = False, device: str = "auto") -> Model:
    """Load a network once; AnalysisError says what is missing.

    `name` is that of a shipped network, or the path of a card (FOLDER/NAME or FOLDER/NAME.json).
    """
    path = Path(name)
    plain = path.name == name and path.suffix != ".json"
    folder = SHIPPED if plain else path.parent
    try:
        net, card = load_stardist(name if plain else path.name.removesuffix(".json"), folder)
    except ImportError as error:
        raise AnalysisError(
            f"the particle network needs {error.name}: pip install 'beamside[networks]'"
        ) from error
    except WeightsError as error:
        raise AnalysisError(str(error)) from error
    on = _device(device)
    return Model(net, card, half or on != "cpu", on)


def _device(name: str) -> str:
    """Give the device that torch shall use; `auto` is the GPU where there is one."""
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"

"""A StarDist network with its card, ready to be asked about slices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...models.weights import SHIPPED, Card, WeightsError, load_stardist, read_card
from ..operators import AnalysisError

if TYPE_CHECKING:
    from ...models.engines import Ask
    from ...models.stardist import StarDist

NAME = "nmc-stardist"
"""The network that comes with beamside."""


TOGETHER = 16
"""Slices that a GPU computes at a time; a CPU gains nothing by more than one."""


@dataclass(frozen=True)
class Model:
    """A trained network."""

    net: StarDist
    card: Card
    ask: Ask
    """What computes it."""
    together: int = 1
    precision: str = "float32"
    """In what numbers."""

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

        return answers(self.ask, self.net.config, images, self.together)


def place(name: str) -> tuple[str, Path]:
    """Name and folder of a network: a shipped one, or the path of a card."""
    path = Path(name)
    if path.name == name and path.suffix != ".json":
        return name, SHIPPED
    return path.name.removesuffix(".json"), path.parent


def card_of(name: str) -> Card:
    """Read the card of a network, without the network; AnalysisError says what is missing."""
    try:
        return read_card(*place(name))
    except WeightsError as error:
        raise AnalysisError(str(error)) from error


@lru_cache(maxsize=4)
def model(
    name: str = NAME,
    engine: str = "auto",
    half: bool | None = None,
    device: str = "auto",
    eight_bits: bool | None = None,
) -> Model:
    """Load a network once; AnalysisError says what is missing.

    `name` is that of a shipped network, or the path of a card (FOLDER/NAME or FOLDER/NAME.json);
    `engine`, `half`, `eight_bits` and `device` as in `models.engines`.
    """
    try:
        from ...models import engines

        net, card = load_stardist(*place(name))
        how = engines.Precision(half, eight_bits, card.facts.get("ranges"))
        ask, precision = engines.engine(net, engine, how, device)
    except ImportError as error:
        raise AnalysisError(
            f"the particle network needs {error.name}: pip install 'beamside[networks]', for the "
            "engine openvino 'beamside[openvino]'"
        ) from error
    except (WeightsError, ValueError) as error:
        raise AnalysisError(str(error)) from error
    together = 1 if engines.resolved(device) == "cpu" else TOGETHER
    return Model(net, card, ask, together, precision)

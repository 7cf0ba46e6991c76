"""StarDist in two dimensions: is a place inside an object, and how far is its edge along each ray.

    net = StarDist(Config(rays=32, grid=(2, 2)))
    prob, dist = predict(net, images)     # float32 [n, y, x] -> [n, Y, X], [n, Y, X, ray]

The layers are those of the official models (Schmidt et al., MICCAI 2018; `stardist.models.Config2D`
of the package `stardist`), so that theirs can be read: see `official.py`. Ray k points to
(dy, dx) = (sin, cos)(2 pi k / rays); Y = ceil(y / grid).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "elu": functional.elu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}
SHORTEST = 1e-3
"""Pixels: the least distance there is, as in the official package."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that decides the layers; the defaults are those of the official package."""

    rays: int = 32
    grid: tuple[int, int] = (2, 2)
    """Pixels (y, x) for one answer; powers of two."""
    depth: int = 3
    """Times that the U-Net halves."""
    base: int = 32
    """Channels of the finest level; each level below has `expansion` times as many."""
    expansion: int = 2
    convolutions: int = 2
    """A level."""
    kernel: tuple[int, int] = (3, 3)
    pool: tuple[int, int] = (2, 2)
    features: int = 128
    """Channels of the last convolution; 0: there is none."""
    activation: str = "relu"
    last_activation: str = "relu"

    def __post_init__(self) -> None:
        """Refuse what builds no network; ValueError names the number and what is allowed."""
        for name in ("rays", "depth", "base", "expansion", "convolutions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.rays < 3:
            raise ValueError(f"a polygon has at least 3 rays, not {self.rays}")
        if any(g < 1 or g & (g - 1) for g in self.grid):
            raise ValueError(f"grid must be powers of two, not {self.grid}")
        if any(k < 1 or not k % 2 for k in self.kernel):
            raise ValueError(f"kernel must be odd, not {self.kernel}")
        for name in (self.activation, self.last_activation):
            if name not in ACTIVATIONS:
                raise ValueError(f"activation {name!r} is not known: {', '.join(ACTIVATIONS)}")

    @property
    def block(self) -> tuple[int, int]:
        """Sizes (y, x) are padded to multiples of this."""
        y, x = (g * p**self.depth for g, p in zip(self.grid, self.pool, strict=True))
        return y, x

    def facts(self) -> dict[str, Any]:
        """The configuration in JSON's types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def configured(facts: dict[str, Any]) -> Config:
    """Make a configuration of what `Config.facts` gave; ValueError says what is wrong."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    try:
        return Config(**values)
    except TypeError as error:
        raise ValueError(f"this is no configuration of a StarDist network: {error}") from error


Layer = tuple[str, int, int]
"""Name, channels in, channels out of one convolution."""


def pooling_layers(config: Config) -> list[tuple[tuple[int, int], list[Layer]]]:
    """Convolutions before the U-Net, each group followed by its pooling, until the grid is met."""
    groups: list[tuple[tuple[int, int], list[Layer]]] = []
    pooled, inward = (1, 1), 1
    while pooled != config.grid:
        pool = (1 + (config.grid[0] > pooled[0]), 1 + (config.grid[1] > pooled[1]))
        pooled = (pooled[0] * pool[0], pooled[1] * pool[1])
        group = []
        for number in range(config.convolutions):
            group.append((f"pool_{len(groups)}_no_{number}", inward, config.base))
            inward = config.base
        groups.append((pool, group))
    return groups


def down_layers(config: Config, inward: int) -> list[list[Layer]]:
    """Convolutions of each level on the way down, finest first."""
    levels = []
    for level in range(config.depth):
        width = config.base * config.expansion**level
        names = [f"down_level_{level}_no_{n}" for n in range(config.convolutions)]
        levels.append(_chain(names, inward, [width] * config.convolutions))
        inward = width
    return levels


def middle_layers(config: Config) -> list[Layer]:
    """Convolutions at the bottom."""
    many, base, factor = config.convolutions, config.base, config.expansion
    names = [f"middle_{n}" for n in (*range(many - 1), many)]
    widths = [base * factor**config.depth] * (many - 1) + [base * factor ** (config.depth - 1)]
    return _chain(names, base * factor ** (config.depth - 1), widths)


def up_layers(config: Config) -> list[list[Layer]]:
    """Convolutions of each level on the way up, finest first."""
    many, levels = config.convolutions, []
    for level in range(config.depth):
        width = config.base * config.expansion**level
        narrow = config.base * config.expansion ** max(0, level - 1)
        names = [f"up_level_{level}_no_{n}" for n in (*range(many - 1), many)]
        levels.append(_chain(names, 2 * width, [width] * (many - 1) + [narrow]))
    return levels


def _chain(names: list[str], inward: int, widths: list[int]) -> list[Layer]:
    return list(zip(names, [inward, *widths], widths, strict=False))


def layers(config: Config) -> list[Layer]:
    """Every convolution but the two answers, in the order of the way through."""
    groups = pooling_layers(config)
    inward = config.base if groups else 1
    listed = [layer for _, group in groups for layer in group]
    listed += [layer for level in down_layers(config, inward) for layer in level]
    listed += middle_layers(config)
    listed += [layer for level in reversed(up_layers(config)) for layer in level]
    if config.features:
        listed.append(("features", config.base, config.features))
    return listed


class StarDist(nn.Module):
    """The network; call it with float32 [n, 1, y, x], y and x multiples of `config.block`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        same = (config.kernel[0] // 2, config.kernel[1] // 2)
        for name, inward, outward in layers(config):
            self.add_module(name, nn.Conv2d(inward, outward, config.kernel, padding=same))
        last = config.features or config.base
        self.prob = nn.Conv2d(last, 1, 1)
        self.dist = nn.Conv2d(last, config.rays, 1)
        self._plan = (
            pooling_layers(config),
            down_layers(config, config.base if config.grid != (1, 1) else 1),
            up_layers(config),
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give logits [n, Y, X] and distances [n, ray, Y, X] in pixels."""
        config, (pooling, down, up) = self.config, self._plan
        for pool, group in pooling:
            x = functional.max_pool2d(self._through(x, group), pool)
        skipped = []
        for level in down:
            x = self._through(x, level)
            skipped.append(x)
            x = functional.max_pool2d(x, config.pool)
        x = self._through(x, middle_layers(config))
        factors = [float(p) for p in config.pool]
        for number in reversed(range(config.depth)):
            x = functional.interpolate(x, scale_factor=factors, mode="nearest")
            x = self._through(torch.cat([x, skipped[number]], dim=1), up[number], last=not number)
        if config.features:
            x = ACTIVATIONS[config.activation](self.get_submodule("features")(x))
        return self.prob(x)[:, 0], self.dist(x)

    def _through(self, x: torch.Tensor, group: list[Layer], last: bool = False) -> torch.Tensor:
        config = self.config
        for number, (name, _, _) in enumerate(group):
            final = last and number + 1 == len(group)
            kind = config.last_activation if final else config.activation
            x = ACTIVATIONS[kind](self.get_submodule(name)(x))
        return x


def parameters(net: StarDist) -> int:
    """Count the numbers that were learned."""
    return sum(p.numel() for p in net.parameters())


def predict(
    net: StarDist, images: np.ndarray, *, half: bool = False, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities [n, Y, X] and distances [n, Y, X, ray] in pixels, float32.

    `images` float32 [n, y, x] are normalised already; their far edges are mirrored to a multiple of
    the network's block. `half` computes in bfloat16. All of the batch is held at once: see
    `tiled.py` for images of any size.
    """
    net = net.to(device).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    padded = torch.from_numpy(pad(images, net.config.block))[:, None].to(device)
    padded = padded.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
        logits, dist = net(padded)
    y, x = (-(-n // g) for n, g in zip(images.shape[1:], net.config.grid, strict=True))
    prob = torch.sigmoid(logits.float())[:, :y, :x].cpu().numpy()
    far = dist.float().clamp_min(SHORTEST).permute(0, 2, 3, 1)[:, :y, :x].cpu().numpy()
    return prob, far


def pad(images: np.ndarray, block: tuple[int, int]) -> np.ndarray:
    """Mirror the far edges of [n, y, x] up to multiples of `block`, float32 and contiguous."""
    extra = [(0, -n % b) for n, b in zip(images.shape[1:], block, strict=True)]
    if any(far for _, far in extra):
        images = np.pad(
            images, [(0, 0), *extra], mode="reflect" if _room(images, extra) else "edge"
        )
    return np.ascontiguousarray(images, np.float32)


def _room(images: np.ndarray, extra: list[tuple[int, int]]) -> bool:
    return all(far < n for (_, far), n in zip(extra, images.shape[1:], strict=True))

"""The U-Net that finds spots in power spectra.

    net = UNet()
    logits = predict(net, inputs)         # float32 [n, channel, y, x] -> float32 [n, y, x]

Two by two pixels become channels first, which costs a quarter and loses nothing. No
normalisation, so one tile's answer does not depend on its batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .inputs import BLOCK, CHANNELS

WIDTH = 16
"""Channels of the finest level; the others have twice and four times as many."""
BATCH = 64
"""Tiles that are looked at together."""
RARE = -5.0
"""Bias of the answer before training: spots are rare."""


class Step(nn.Module):
    """Two convolutions."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inward, outward, 3, padding=1)
        self.second = nn.Conv2d(outward, outward, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [n, channel, y, x]."""
        x = functional.silu(self.first(x))
        return functional.silu(self.second(x))


class UNet(nn.Module):
    """Three levels; logits of `a spot is here` for every pixel."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.width = width
        self.fine = Step(4 * CHANNELS, width)
        self.middle = Step(width, 2 * width)
        self.coarse = Step(2 * width, 4 * width)
        self.up_middle = Step(6 * width, 2 * width)
        self.up_fine = Step(3 * width, width)
        self.answer = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.answer.bias, RARE)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits [n, y, x] for [n, CHANNELS, y, x]; y and x are multiples of BLOCK."""
        if x.shape[-1] % BLOCK or x.shape[-2] % BLOCK:
            raise ValueError(f"edges must be multiples of {BLOCK}, not {tuple(x.shape[-2:])}")
        fine = self.fine(functional.pixel_unshuffle(x, 2))
        middle = self.middle(functional.max_pool2d(fine, 2))
        coarse = self.coarse(functional.max_pool2d(middle, 2))
        middle = self.up_middle(torch.cat([middle, _twice(coarse)], dim=1))
        fine = self.up_fine(torch.cat([fine, _twice(middle)], dim=1))
        return functional.pixel_shuffle(self.answer(fine), 2)[:, 0]


def _twice(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def parameters(net: UNet) -> int:
    """Count the numbers that were learned."""
    return sum(p.numel() for p in net.parameters())


def predict(
    net: UNet, inputs: np.ndarray, *, half: bool = False, device: str = "cpu"
) -> np.ndarray:
    """Give logits, float32 [n, y, x], for inputs float32 [n, CHANNELS, y, x].

    `half` computes in bfloat16. Nothing of it depends on how many come at once.
    """
    net = net.to(device).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    answers = [
        np.zeros((0, *inputs.shape[2:]), np.float32),
        *_batches(net, inputs, half=half, device=device),
    ]
    return np.concatenate(answers)


def _batches(net: UNet, inputs: np.ndarray, *, half: bool, device: str) -> Iterator[np.ndarray]:
    for start in range(0, len(inputs), BATCH):
        part = torch.from_numpy(np.ascontiguousarray(inputs[start : start + BATCH])).to(device)
        part = part.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=half):
            yield net(part).float().cpu().numpy()

"""What computes a StarDist network: torch anywhere, OpenVINO on the CPU where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from .compiled import Compiled, Ranges
from .stardist import StarDist, predict

ENGINES = ("auto", "torch", "openvino")
NATIVE = ("amx_bf16", "avx512_bf16")
"""Features of a processor that computes bfloat16 quicker than float32."""
WHOLE = ("avx512_vnni", "avx_vnni")
"""Of one that computes whole numbers of 8 bits quicker."""

Ask = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Gives prob [n, Y, X] and dist [n, Y, X, ray], float32, of normalised images [n, y, x]."""


@dataclass(frozen=True)
class Precision:
    """In what numbers a network is computed."""

    half: bool | None = None
    """In bfloat16; None: on a GPU, and where the processor is made for it."""
    eight_bits: bool | None = None
    """In whole numbers of 8 bits, by OpenVINO; None: where the processor is made for them, and not
    for bfloat16, and `ranges` are known."""
    ranges: Ranges | None = None
    """Of the layers: `ranges.py`."""

    def chosen(self, *, openvino: bool, gpu: bool) -> Precision:
        """Decide what is open; ValueError for what can't be."""
        eight, half = self.eight_bits, self.half
        if eight and (half or not openvino):
            raise ValueError("8 bits need the engine openvino on the CPU, and not half precision")
        if eight and self.ranges is None:
            raise ValueError(
                "8 bits need the ranges of the layers, and the card of this network has none: "
                "train it anew, or leave eight_bits out"
            )
        if half is None:
            half = not eight and (gpu or made_for(NATIVE))
        if eight is None:
            eight = openvino and not half and self.ranges is not None and made_for(WHOLE)
        return replace(self, half=half, eight_bits=eight)

    def __str__(self) -> str:
        """Name it."""
        return "8 bits" if self.eight_bits else "bfloat16" if self.half else "float32"


FREE = Precision()
"""Nothing is decided."""


def engine(
    net: StarDist, name: str = "auto", precision: Precision = FREE, device: str = "cpu"
) -> tuple[Ask, str]:
    """Make what computes `net`, and say in what numbers; ValueError or ImportError say why not."""
    if name not in ENGINES:
        raise ValueError(f"engine is {', '.join(ENGINES)}, not {name!r}")
    if name == "openvino" and device not in ("auto", "cpu"):
        raise ValueError(f"the engine openvino computes on the CPU, not on {device}")
    on = "cpu" if name == "openvino" else resolved(device)
    openvino = name == "openvino" or (name == "auto" and on == "cpu" and _there("openvino"))
    how = precision.chosen(openvino=openvino, gpu=on != "cpu")
    if openvino:
        return Compiled(net, bool(how.half), how.ranges if how.eight_bits else None), str(how)
    return lambda images: predict(net, images, half=bool(how.half), device=on), str(how)


def _there(name: str) -> bool:
    return find_spec(name) is not None


def resolved(device: str) -> str:
    """Give the device that torch shall use; `auto` is the GPU where there is one.

    ValueError for a device that there isn't.
    """
    there = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if there else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or not (number.isdecimal() or device == kind):
        raise ValueError(f"device is auto, cpu, cuda or cuda:NUMBER, not {device!r}")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ValueError(f"torch sees no GPU for the device {device!r} here; cpu and auto work")
    return device


def made_for(features: tuple[str, ...]) -> bool:
    """Whether this processor has one of `features`."""
    try:
        there = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(name in there for name in features)

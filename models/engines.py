"""What computes a StarDist network: torch anywhere, OpenVINO on the CPU where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from .stardist import StarDist, predict

ENGINES = ("auto", "torch", "openvino")
NATIVE = ("amx_bf16", "avx512_bf16")
"""Features of a processor that computes bfloat16 quicker than float32."""

Ask = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Gives prob [n, Y, X] and dist [n, Y, X, ray], float32, of normalised images [n, y, x]."""


def engine(net: StarDist, name: str = "auto", half: bool | None = None, device: str = "cpu") -> Ask:
    """Make what computes `net`; ValueError or ImportError say why it can't.

    `half`: in bfloat16; None: on a GPU, and where the processor is made for it.
    """
    if name not in ENGINES:
        raise ValueError(f"engine is {', '.join(ENGINES)}, not {name!r}")
    on = resolved(device)
    half = (on != "cpu" or native_half()) if half is None else half
    if name == "openvino" and on != "cpu":
        raise ValueError(f"the engine openvino computes on the CPU, not on {on}")
    if name == "openvino" or (name == "auto" and on == "cpu" and find_spec("openvino")):
        from .compiled import Compiled

        return Compiled(net, half)
    return lambda images: predict(net, images, half=half, device=on)


def resolved(device: str) -> str:
    """Give the device that torch shall use; `auto` is the GPU where there is one."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def native_half() -> bool:
    """Whether this processor is made for bfloat16."""
    try:
        return any(name in Path("/proc/cpuinfo").read_text() for name in NATIVE)
    except OSError:
        return False

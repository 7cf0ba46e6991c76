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
    if name == "openvino" and device not in ("auto", "cpu"):
        raise ValueError(f"the engine openvino computes on the CPU, not on {device}")
    on = "cpu" if name == "openvino" else resolved(device)
    half = (on != "cpu" or native_half()) if half is None else half
    if name == "openvino" or (name == "auto" and on == "cpu" and find_spec("openvino")):
        from .compiled import Compiled

        return Compiled(net, half)
    return lambda images: predict(net, images, half=half, device=on)


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


def native_half() -> bool:
    """Whether this processor is made for bfloat16."""
    try:
        return any(name in Path("/proc/cpuinfo").read_text() for name in NATIVE)
    except OSError:
        return False

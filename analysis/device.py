"""Where arrays live: numpy or cupy, and how many images fit.

A GPU is never required. cupy is looked for only in arrays that come from it, so importing this
file imports no framework.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import numpy as np


def namespace(array: Any) -> Any:
    """Give the module (numpy or cupy) whose functions work on `array`."""
    if type(array).__module__.partition(".")[0] == "cupy":
        return import_module("cupy")
    return np


def to_host(array: Any) -> np.ndarray:
    """Copy a cupy array to the host; give a numpy array back as it is."""
    host: np.ndarray = array.get() if namespace(array) is not np else np.asarray(array)
    return host


def like(host: np.ndarray, array: Any) -> Any:
    """Copy a numpy array to where `array` lives; give it back as it is where that is the host."""
    return host if namespace(array) is np else namespace(array).asarray(host)


def fourier(array: Any) -> Any:
    """Give the module (scipy.fft or cupyx.scipy.fft) that transforms `array` where it lives."""
    return import_module("scipy.fft" if namespace(array) is np else "cupyx.scipy.fft")


def free_memory(array: Any) -> int:
    """Bytes free on the device that holds `array`."""
    if namespace(array) is not np:
        free, _ = namespace(array).cuda.Device().mem_info
        return int(free)
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def batch_size(bytes_per_image: int, array: Any, share: float = 0.5, most: int = 64) -> int:
    """How many images of `bytes_per_image` working memory fit into a `share` of what is free."""
    if bytes_per_image <= 0:
        raise ValueError(f"bytes_per_image must be positive, not {bytes_per_image}")
    return max(1, min(most, int(free_memory(array) * share) // bytes_per_image))

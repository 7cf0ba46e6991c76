"""Which GPU there is to measure on; without one nothing is measured."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec


def gpu_name() -> str:
    """Name of the first GPU; ValueError says what is missing where there is none."""
    if find_spec("cupy") is None:
        raise ValueError(
            "no GPU can be measured: cupy is not installed. Where there is an NVIDIA GPU with its "
            "driver: pip install cupy-cuda12x"
        )
    runtime = import_module("cupy").cuda.runtime
    try:
        many = int(runtime.getDeviceCount())
    except runtime.CUDARuntimeError as error:
        raise ValueError(f"no GPU can be measured: cupy finds none ({error})") from error
    if not many:
        raise ValueError("no GPU can be measured: cupy finds none")
    return str(runtime.getDeviceProperties(0)["name"].decode())

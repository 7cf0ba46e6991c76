"""Where there is no GPU the bench says so, and measures nothing."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from beamside.services.bench import gpu
from beamside.services.bench.hrtem import measure_gpu


def pretend(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """Put a cupy in place that finds `many` devices."""
    cupy = ModuleType("cupy")
    runtime = SimpleNamespace(
        CUDARuntimeError=RuntimeError,
        getDeviceCount=lambda: many,
        getDeviceProperties=lambda number: {"name": f"card {number}".encode()},
    )
    cupy.cuda = SimpleNamespace(runtime=runtime)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(gpu, "find_spec", lambda name: object())


def test_without_cupy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="cupy is not installed"):
        next(measure_gpu(2))


def test_without_a_device_it_says_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 0)
    with pytest.raises(ValueError, match="finds none"):
        next(measure_gpu(2))


def test_the_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, 1)
    assert gpu.gpu_name() == "card 0"

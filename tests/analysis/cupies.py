"""A cupy that numpy works for: as strict about whose arrays it takes, and it counts what it did.

It shows that the code for GPUs runs and gives the same, not that it would on one, nor how fast.
"""

from __future__ import annotations

import operator
import sys
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.fft


class Array:
    """An array of the pretended device: no function of numpy takes it, `get` alone copies it."""

    __array_ufunc__ = None

    def __init__(self, host: np.ndarray) -> None:
        """Hold what the device would."""
        self._host = host

    def get(self) -> np.ndarray:
        """Copy to the host."""
        return self._host.copy()

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError("implicit conversion to a numpy array is not allowed")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._host, name)
        return _wrapped(found) if callable(found) else found

    def __getitem__(self, index: Any) -> Any:
        return _packed(self._host[_unpacked(index)])

    def __len__(self) -> int:
        return len(self._host)


def _operation(name: str) -> Any:
    def method(self: Array, other: Any) -> Any:
        return _packed(getattr(operator, name)(self._host, _unpacked(other)))

    return method


for _name in ("add", "sub", "mul", "truediv"):
    setattr(Array, f"__{_name}__", _operation(_name))
Array.__module__ = "cupy"


def _unpacked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_unpacked(one) for one in value)
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("unsupported type: numpy.ndarray")
    return value._host if isinstance(value, Array) else value


def _packed(value: Any) -> Any:
    return Array(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


def _wrapped(function: Any, done: Counter[str] | None = None) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        if done is not None:
            done[function.__name__] += 1
        plain = {key: _unpacked(value) for key, value in kwargs.items()}
        return _packed(function(*(_unpacked(value) for value in args), **plain))

    return call


class _Module(ModuleType):
    def __init__(self, name: str, of: ModuleType, done: Counter[str]) -> None:
        super().__init__(name)
        self._of, self._done = of, done

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _wrapped(getattr(self._of, name), self._done)


def installed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Put the pretended cupy among the modules; gives the count of its functions' calls."""
    done: Counter[str] = Counter()
    cupy = _Module("cupy", np, done)
    cupy.asarray = lambda host: Array(np.array(host))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupyx", ModuleType("cupyx"))
    monkeypatch.setitem(sys.modules, "cupyx.scipy", ModuleType("cupyx.scipy"))
    monkeypatch.setitem(sys.modules, "cupyx.scipy.fft", _Module("fft", scipy.fft, done))
    return done

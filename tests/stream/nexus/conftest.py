"""What the tests of the archive share: little images, frames, and a result with all it may hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.stream import decompress
from beamside.stream.messages import Frame, Result, RunStart

FLAGS = {
    "flag_values": np.arange(5, dtype=np.uint8),
    "flag_meanings": "vacuum amorphous unknown LiF Li2O",
}


@pytest.fixture
def image() -> Callable[..., np.ndarray]:
    """A picture[y, x] of any pixel type, another for each number."""

    def make(number: int = 0, dtype: str = "<u2", shape: tuple[int, int] = (36, 52)) -> np.ndarray:
        rng = np.random.default_rng(number)
        if np.dtype(dtype).kind == "f":
            return rng.normal(size=shape).astype(dtype)
        return rng.integers(0, 100, shape).astype(dtype)

    return make


@pytest.fixture
def start() -> RunStart:
    """A run of ten frames."""
    return RunStart(
        source="microscope",
        run="run-7",
        expected=10,
        calibration={"pixel_size_nm": [0.02, 0.03], "origin": "header"},
        metadata={"ntrigger": 10, "detector": "EIGER"},
        arrays={
            "pixel_mask": np.eye(36, 52, dtype="<u4"),
            "flatfield": np.ones((36, 52), "<f4"),
            "countrate_table": np.arange(2000, dtype="<f4").reshape(2, 1000),
        },
        time_ns=1_790_000_000_000_000_000,
    )


@pytest.fixture
def frame(image: Callable[..., np.ndarray]) -> Callable[..., Frame]:
    """Frame `number` of the run, of the channels named."""

    def make(
        number: int,
        encoding: str = "bslz4",
        dtype: str = "<u2",
        shape: tuple[int, int] = (36, 52),
        channels: Sequence[str] = ("data",),
    ) -> Frame:
        packed = {
            name: decompress.encode(image(number + 1000 * index, dtype, shape), encoding)
            for index, name in enumerate(channels)
        }
        return Frame(
            "microscope",
            "run-7",
            number,
            packed,
            {"exposure": number / 10, "appendix": "é"},
            detector_ns=1000 + number,
            received_ns=2000 + number,
        )

    return make


@pytest.fixture
def dataset() -> Callable[..., xr.Dataset]:
    """What an analysis gives for `n` images: every kind of variable that the house knows."""

    def make(n: int, size: int = 16, spots: int = 3, seed: int = 0) -> xr.Dataset:
        rng = np.random.default_rng(seed)
        at = (np.arange(size) + 0.5) * 0.02

        def says(units: str, words: str, **more: Any) -> dict[str, Any]:
            return {"units": units, "long_name": words, **more}

        variables = {
            "phase_map": (
                ("frame", "y", "x"),
                rng.integers(0, 5, (n, size, size)).astype(np.uint8),
                {"long_name": "phase", **FLAGS},
            ),
            "confidence": (
                ("frame", "y", "x"),
                rng.random((n, size, size)).astype("<f4"),
                says("1", "posterior of the label"),
            ),
            "grain_map": (("frame", "y", "x"), rng.integers(0, 3, (n, size, size)).astype("<i2")),
            "spectrum": (
                ("frame", "ky", "kx"),
                rng.random((n, 40, 40)).astype("<f4"),
                says("", "log10 power"),
            ),
            "profile_mean": (("frame", "k"), rng.random((n, 20)).astype("<f4")),
            "phase_fraction": (
                ("frame", "phase"),
                rng.random((n, 2)).astype("<f4"),
                says("1", "area fraction"),
            ),
            "total": ("frame", rng.random(n), says("counts", "sum of all pixels")),
            "sharp": ("frame", rng.random(n) > 0.5),
            "remark": ("frame", np.array([f"µ {i}" for i in range(n)])),
            "spot_frame": ("spot", rng.integers(0, n, spots).astype("<i4")),
            "spot_ky": ("spot", rng.normal(size=spots), says("1/nm", "ky")),
            "spot_snr": ("spot", rng.random(spots).astype("<f4")),
            "spot_grain": ("spot", rng.integers(-1, 2, spots).astype("<i4")),
            "spot_label": ("spot", np.array(["LiF 111", "", "Li₂O 220"])[np.arange(spots) % 3]),
            "grain_frame": ("grain", np.array([0, n - 1], "<i4")),
            "grain_phase": ("grain", np.array([3, 4], np.uint8), FLAGS),
            "grain_posterior": (("grain", "phase"), rng.random((2, 2)).astype("<f4")),
            "grain_zone": ("grain", ["[1 1 0]", "[0 0 1]"]),
            "reference": (("phase", "k"), rng.random((2, 20))),
            "threshold": ((), np.float64(seed)),
        }
        coordinates = {
            "y": ("y", at, says("nm", "y")),
            "x": ("x", at, says("nm", "x")),
            "k": ("k", np.arange(20) * 0.1, says("1/nm", "k")),
            "ky": ("ky", np.arange(40) - 20.0, says("1/nm", "ky")),
            "kx": ("kx", np.arange(40) - 20.0, says("1/nm", "kx")),
            "phase": ("phase", ["LiF", "Li2O"]),
        }
        return xr.Dataset(variables, coordinates, {"note": "of a phantom"})

    return make


@pytest.fixture
def result(dataset: Callable[..., xr.Dataset]) -> Callable[..., Result]:
    """A result of the analysis `hrtem` for some frames."""

    def make(frames: Sequence[int], data: xr.Dataset | None = None, **more: Any) -> Result:
        return Result(
            source="microscope",
            run="run-7",
            frames=tuple(frames),
            analysis=more.pop("analysis", "hrtem"),
            data=dataset(len(frames), seed=frames[0], **more) if data is None else data,
            provenance={
                "version": "0.1",
                "settings": {"window_nm": 3.0, "phases": ["LiF", "Li2O"], "fast": True},
                "database": "sha256:1234",
            },
            received_ns=5,
            done_ns=1_790_000_001_000_000_000,
        )

    return make

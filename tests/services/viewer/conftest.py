"""A small run, and a way to visit the real application over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import numpy as np
import pytest
import xarray as xr

from beamside.services.viewer import Server, ViewState, create_app
from beamside.stream.messages import Frame, Pixels, Result, RunStart

TOKEN = "a-token-for-tests"  # noqa: S105
Scenario: TypeAlias = Callable[[ViewState, httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def visit() -> Callable[[Scenario], None]:
    """Run a scenario against a served `ViewState`, with a client that has the token."""

    async def serve(scenario: Scenario) -> None:
        state = ViewState()
        server = Server(create_app(state, token=TOKEN))
        port = await server.start()
        headers = {"authorization": f"Bearer {TOKEN}"}
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
            ) as client:
                await scenario(state, client)
        finally:
            await server.stop()

    return lambda scenario: asyncio.run(serve(scenario))


class Run:
    """Messages of a run with known values."""

    name = "run/7 <b>&é"
    start = RunStart("camera", name, calibration={"pixel_size_nm": [0.1, 0.2]})

    def frame(self, number: int, image: np.ndarray | None = None, **more: Any) -> Frame:
        if image is None:
            image = np.arange(12, dtype="<u2").reshape(3, 4) + 100 * number
        data = more.pop("data", image.tobytes())
        pixels = Pixels(image.shape, image.dtype.str, "raw", data)
        return Frame("camera", self.name, number, {"data": pixels}, **more)

    def result(self, *numbers: int, **more: Any) -> Result:
        """Two spots and two grains a frame, told apart by their values."""
        n = len(numbers)
        owner = np.repeat(np.arange(n, dtype=np.int32), 2)
        flags = {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "vacuum <i>LiF</i>"}
        maps = np.arange(n * 6, dtype=np.uint8).reshape(n, 2, 3)
        data = xr.Dataset(
            {
                "phase_map": (("frame", "y", "x"), maps, flags),
                "level": (("frame", "y", "x"), maps.astype(np.float32) / 2, {"units": "1"}),
                "profile": (("frame", "k"), np.full((n, 3), np.nan)),
                "total": ("frame", np.arange(n) * 1.5, {"units": "counts"}),
                "spot_frame": ("spot", owner),
                "spot_d": ("spot", np.arange(2 * n) + 0.25, {"units": "nm"}),
                "spot_grain": ("spot", np.arange(2 * n, dtype=np.int32)[::-1].copy()),
                "spot_label": ("spot", np.array([f"s{i}" for i in range(2 * n)])),
                "grain_frame": ("grain", owner),
                "grain_area": ("grain", np.arange(2 * n) * 1.0),
            },
            coords={
                "y": ("y", [0.5, 1.5], {"units": "nm"}),
                "x": ("x", [1.0, 3.0, 5.0], {"units": "nm"}),
                "k": ("k", [1.0, 2.0, 4.0], {"units": "1/nm"}),
            },
            attrs={"note": "made up"},
        )
        return Result("camera", self.name, numbers, more.pop("analysis", "hrtem"), data, **more)


@pytest.fixture
def run() -> Run:
    return Run()

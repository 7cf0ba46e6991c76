"""A small run, and a way to visit the real application over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import xarray as xr

from beamside.services.viewer import Past, Server, ViewState, create_app
from beamside.stream.messages import Frame, Pixels, Result, RunStart, RunStop
from beamside.stream.nexus import Archive, claim

TOKEN = "a-token-for-tests"  # noqa: S105
Scenario: TypeAlias = Callable[[ViewState, httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def visit() -> Callable[..., None]:
    """Run a scenario against a served `ViewState`, with a client that has the token."""

    async def serve(scenario: Scenario, folder: Path | None) -> None:
        state, past = ViewState(), Past(folder)
        server = Server(create_app(state, token=TOKEN, past=past))
        port = await server.start()
        headers = {"authorization": f"Bearer {TOKEN}"}
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=60
            ) as client:
                await scenario(state, client)
        finally:
            await server.stop()
            await past.close()

    return lambda scenario, folder=None: asyncio.run(serve(scenario, folder))


@pytest.fixture
def array() -> Callable[[httpx.Response], np.ndarray]:
    """Read the array that an answer holds."""

    def read(answer: httpx.Response) -> np.ndarray:
        assert answer.status_code == 200, answer.text
        shape = [int(n) for n in answer.headers["x-shape"].split(",")]
        return np.frombuffer(answer.content, answer.headers["x-dtype"]).reshape(shape)

    return read


class Run:
    """Messages of a run with known values."""

    name = "run/7 <b>&é"
    start = RunStart("camera", name, calibration={"pixel_size_nm": [0.1, 0.2]})

    def place(self, number: int) -> str:
        """Its address, and that of one of its frames."""
        return f"{quote(self.name, safe='')}/{number}"

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

    def archive(self, folder: Path, frames: int = 6, *, close: bool = True) -> tuple[str, Archive]:
        """Write an archive of the run, results in batches of two; give its name."""
        name = claim(folder, self.start)
        archive = Archive.create(folder, name, self.start)
        for number in range(frames):
            archive.add(self.frame(number))
        for number in range(0, frames, 2):
            archive.add_result(self.result(number, number + 1))
        archive.flush()
        if close:
            archive.close(RunStop("camera", self.name))
        return name, archive


@pytest.fixture
def run() -> Run:
    return Run()

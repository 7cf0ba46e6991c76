"""A specimen with known truth, the service that shows it, and a browser to look at it."""

from __future__ import annotations

import asyncio
import io
import runpy
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from beamside.services.settings import AnalysisSettings
from beamside.services.viewer import Past, Server, ViewState, create_app
from beamside.stream.messages import Frame, Pixels, Result, RunStart

SIZE = 512
PIXEL = 0.05
MAP = 64
RUN = "2026-11-21 <b>run</b> 7"
PHASES = ("vacuum", "amorphous", "unknown", "LiF", "Li2O", "NMC")
GRAINS = (
    # phase, centre y, x [nm], radius [nm], d [nm], angle of g [rad], label
    (3, 8.0, 7.5, 4.6, 0.2325, 0.35, "LiF 111"),
    (4, 17.0, 9.0, 4.2, 0.2664, 1.25, "Li2O 111"),
    (5, 13.0, 18.6, 5.4, 0.4732, 2.30, "NMC 003"),
)


@dataclass(frozen=True)
class Specimen:
    """One image and what is in it."""

    image: np.ndarray
    data: xr.Dataset
    start: RunStart

    def frame(self, number: int) -> Frame:
        pixels = Pixels(self.image.shape, "<u2", "raw", self.image.tobytes())
        now = time.time_ns()
        return Frame("camera", RUN, number, {"data": pixels}, detector_ns=now, received_ns=now)

    def result(self, number: int) -> Result:
        now = time.time_ns()
        began = now - 180_000_000
        provenance = {"version": "0.1.0", "device": "cpu"}
        return Result(
            "camera", RUN, (number,), "hrtem", self.data, provenance, None, began, began, now
        )

    def status(self, number: int, **more: Any) -> dict[str, Any]:
        return {
            "kind": "status",
            "state": "running",
            "source": "camera",
            "run": RUN,
            "account": {"expected": 400, "received": number + 1, "missing": 0}
            | {"archived": number, "processed": number, "failed": 0, "double": 0, "late": 0},
            "rates": {"in_fps": 4.0, "out_fps": 3.9},
            "latency_ms": {"p50": 180.0, "p95": 240.0, "p99": 310.0},
            "readers": {
                "analysis": {"queue": 3, "capacity": 32, "policy": "wait"},
                "archive": {"queue": 1, "capacity": 64, "policy": "wait"},
            },
            "archive": {"path": "demo/run7.nxs", "free_bytes": 412e9, "backlog_bytes": 2.1e6},
            "last_frame_ns": time.time_ns(),
            "alarms": [],
            "analysis": "hrtem",
            "device": "cpu",
            "bytes_received": (number + 1) * self.image.nbytes,
        } | more


def _inside(y: np.ndarray, x: np.ndarray, grain: tuple[Any, ...]) -> np.ndarray:
    _, cy, cx, radius, *_ = grain
    angle = np.arctan2(y - cy, x - cx)
    inside: np.ndarray = np.hypot(y - cy, x - cx) < radius * (1 + 0.12 * np.sin(3 * angle + cx))
    return inside


def _image(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] * PIXEL
    matter = np.hypot(y - 12.6, x - 12.4) < 11.9
    speckle = np.fft.ifft2(np.fft.fft2(rng.normal(size=y.shape)) * _ring(SIZE, PIXEL)).real
    light = np.where(matter, 900 + 110 * speckle / speckle.std(), 1400.0)
    for grain in GRAINS:
        d, angle = grain[4], grain[5]
        wave = np.cos(2 * np.pi * (y * np.sin(angle) + x * np.cos(angle)) / d)
        light += 190 * wave * _inside(y, x, grain) - 90 * _inside(y, x, grain)
    image: np.ndarray = rng.poisson(np.clip(light, 1, None)).astype("<u2")
    return image


def _ring(size: int, pixel: float) -> np.ndarray:
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(size, pixel), np.fft.fftfreq(size, pixel)))
    return np.asarray(np.exp(-(((k - 2.2) / 1.3) ** 2)))


def _spectrum(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    window = np.hanning(SIZE)
    field = (image - image.mean()) * window * window[:, None]
    power = np.abs(np.fft.fftshift(np.fft.fft2(field))) ** 2
    k = np.fft.fftshift(np.fft.fftfreq(SIZE, PIXEL))
    middle = slice(SIZE // 4, 3 * SIZE // 4)
    return np.log10(power[middle, middle] + 1).astype(np.float32), k[middle]


def _maps(names: dict[str, Any]) -> dict[str, Any]:
    step = SIZE * PIXEL / MAP
    y, x = (np.mgrid[:MAP, :MAP] + 0.5) * step
    phase = np.where(np.hypot(y - 12.6, x - 12.4) < 11.9, 1, 0).astype(np.uint8)
    grain_map = np.zeros(phase.shape, np.int16)
    for index, grain in enumerate(GRAINS):
        phase[_inside(y, x, grain)] = grain[0]
        grain_map[_inside(y, x, grain)] = index + 1
    confidence = np.where(grain_map > 0, 0.93, 0.8).astype(np.float32)
    fraction = np.array([(phase == n).sum() for n in range(len(PHASES))], np.float32)
    fraction[0] = 0
    return {
        "phase_map": (("frame", "y", "x"), phase[None], names | {"long_name": "phase"}),
        "grain_map": (("frame", "y", "x"), grain_map[None], {"long_name": "grain"}),
        "confidence": (("frame", "y", "x"), confidence[None], {"long_name": "confidence"}),
        "phase_fraction": (
            ("frame", "phase"),
            (fraction / fraction.sum())[None, 1:],
            {"long_name": "area fraction", "units": "1"},
        ),
    }


def _tables(names: dict[str, Any]) -> dict[str, Any]:
    n = len(GRAINS)
    k = np.array([1 / g[4] for g in GRAINS])
    angle = np.array([g[5] for g in GRAINS])
    centre = np.array([(g[1], g[2]) for g in GRAINS])
    labels = np.array([g[6] for g in GRAINS])
    per_nm, nm = {"units": "1/nm"}, {"units": "nm"}
    phase = np.array([g[0] for g in GRAINS], np.uint8)
    return {
        "spot_frame": ("spot", np.zeros(n, np.int32)),
        "spot_ky": ("spot", k * np.sin(angle), per_nm),
        "spot_kx": ("spot", k * np.cos(angle), per_nm),
        "spot_d": ("spot", 1 / k, nm | {"long_name": "d-spacing"}),
        "spot_k_sigma": ("spot", np.full(n, 0.004), per_nm),
        "spot_snr": ("spot", np.array([34.1, 28.9, 40.2]), {"long_name": "signal to noise"}),
        "spot_y": ("spot", centre[:, 0], nm),
        "spot_x": ("spot", centre[:, 1], nm),
        "spot_grain": ("spot", np.arange(n, dtype=np.int32)),
        "spot_label": ("spot", labels),
        "grain_frame": ("grain", np.zeros(n, np.int32)),
        "grain_phase": ("grain", phase, names | {"long_name": "phase"}),
        "grain_probability": ("grain", np.array([0.97, 0.91, 0.99]), {"units": "1"}),
        "grain_area": ("grain", np.array([66.0, 55.4, 91.6]), {"units": "nm2"}),
        "grain_y": ("grain", centre[:, 0], nm),
        "grain_x": ("grain", centre[:, 1], nm),
        "grain_n_spots": ("grain", np.ones(n, np.int32), {"long_name": "number of spots"}),
        "grain_residual": ("grain", np.array([0.6, 1.1, np.nan]), {"units": "sigma"}),
        "grain_zone": ("grain", np.array(["[1 1 0]", "[1 1 0]", "[<i>0</i> 1 0]"])),
        "peak_frame": ("peak", np.zeros(n, np.int32)),
        "peak_k": ("peak", k, per_nm),
        "peak_d": ("peak", 1 / k, nm),
        "peak_height": ("peak", np.array([9.0, 7.5, 12.0])),
        "peak_label": ("peak", labels),
    }


def _dataset(image: np.ndarray) -> xr.Dataset:
    names = {"flag_values": np.arange(6, dtype=np.uint8), "flag_meanings": " ".join(PHASES)}
    spectrum, k = _spectrum(image)
    radius = np.hypot(k[:, None], k[None, :])
    bins = np.linspace(0.5, 4.9, 300)
    which = np.digitize(radius, bins)
    linear = 10.0**spectrum
    mean = np.array([linear[which == i].mean() for i in range(1, 300)])
    peak = np.array([linear[which == i].max() for i in range(1, 300)])
    background = np.convolve(np.pad(mean, 20, mode="edge"), np.ones(41) / 41, "valid")
    words = {"units": "1", "long_name": "power over background"}
    step = SIZE * PIXEL / MAP
    centres = (np.arange(MAP) + 0.5) * step
    axis = {"units": "1/nm"}
    return xr.Dataset(
        _maps(names)
        | _tables(names)
        | {
            "spectrum": (("frame", "ky", "kx"), spectrum[None], {"long_name": "log10 power"}),
            "profile_mean": (("frame", "k"), (mean / background)[None], words),
            "profile_max": (("frame", "k"), (peak / background / 8)[None], words),
        },
        coords={
            "y": ("y", centres, {"units": "nm", "long_name": "y"}),
            "x": ("x", centres, {"units": "nm", "long_name": "x"}),
            "ky": ("ky", k, axis),
            "kx": ("kx", k, axis),
            "k": ("k", (bins[1:] + bins[:-1]) / 2, axis | {"long_name": "spatial frequency"}),
            "phase": ("phase", list(PHASES[1:])),
        },
    )


@pytest.fixture(scope="session")
def specimen() -> Specimen:
    image = _image(np.random.default_rng(7))
    calibration = {"pixel_size_nm": [PIXEL, PIXEL], "voltage_kV": 300, "origin": "header"}
    start = RunStart("camera", RUN, expected=400, shape=image.shape, calibration=calibration)
    return Specimen(image, _dataset(image), start)


class Service:
    """The real application on a real port, in a thread with a loop of its own."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.port = 0
        self.past = Past(None)
        self.wishes: list[dict[str, Any]] = []
        """What people decided on the page."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._on_loop(self._open())

    async def _open(self) -> None:
        self.state = ViewState()
        app = create_app(
            self.state,
            token=self.token,
            past=self.past,
            act=self._act,
            steer=self._steer,
            choose=self._choose,
            analysis=AnalysisSettings(name="quality"),
        )
        self.server = Server(app, port=self.port)
        self.port = await self.server.start()

    async def _act(self, wish: dict[str, Any]) -> dict[str, Any]:
        self.wishes.append(wish)
        return {"event": {"event": wish["action"], "by": wish["by"], "correction": []}}

    async def _choose(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Take up settings or a region, as ingest does."""
        self.wishes.append(wish)
        chosen = {"settings": wish.get("settings", {}), "revision": 1, "roi": wish.get("roi")}
        self.state.take({**self.state.status, "choices": {**chosen, "events": []}})
        return {"event": {"event": wish["kind"], "by": wish["by"]}}

    async def _steer(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Grant it, as ingest does."""
        self.wishes.append(wish)
        at = "2026-11-21T12:01:00.000+00:00"
        event = {"event": wish["action"], "at": at, "by": wish["by"], "via": wish["via"]}
        said = {**self.state.status["steering"]}
        said["events"] = [*said["events"], event]
        if wish["action"] in ("accept", "reject"):
            said["waiting"] = [one for one in said["waiting"] if one["id"] != wish["suggestion"]]
        elif wish["action"] == "mode":
            said["mode"] = wish["mode"]
        else:
            said["stopped"] = event if wish["action"] == "stop" else None
        self.state.take({**self.state.status, "steering": said})
        return {"event": event, "steering": said}

    def take(self, *messages: Any) -> None:
        for message in messages:
            self.loop.call_soon_threadsafe(self.state.take, message)

    def restart(self, past: Past) -> None:
        """Stop, and serve other archives."""
        self.stop()
        self.past = past
        self.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._on_loop(self.server.stop())
            self._on_loop(self.past.close())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(5)
            self.loop.close()
            self._thread = None

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service("a-token-for-tests")
    service.start()
    yield service
    service.stop()


@pytest.fixture
def feed(service: Service, specimen: Specimen) -> Callable[[int], None]:
    """Send a frame, its result and a status, as the bus would."""

    def send(number: int) -> None:
        service.take(specimen.frame(number), specimen.result(number), specimen.status(number))

    service.take(specimen.start)
    return send


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium with software GL; closed with the module, for it holds an event loop."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium: install the distribution's package chromium")
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install it")
    flags = runpy.run_path(str(Path(__file__).with_name("screenshot.py")))["FLAGS"]
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=list(flags))
        yield browser
        browser.close()


@pytest.fixture
def opened(page: Any, service: Service) -> Callable[..., Any]:
    """Open the page and wait until it shows an image; more of the address may be given."""

    def go(more: str = "") -> Any:
        page.goto(f"{service.url}/?token={service.token}{more}")
        page.wait_for_selector(".panel.image canvas")
        page.wait_for_timeout(400)
        return page

    return go


@pytest.fixture
def pixels(page: Any) -> Callable[[str], np.ndarray]:
    """What is seen at a place of the page."""

    def read(selector: str) -> np.ndarray:
        png = page.locator(selector).screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), float)

    return read


@pytest.fixture
def until(page: Any) -> Callable[[Callable[[], bool]], None]:
    """Wait until something holds on the page; AssertionError if it never does."""

    def wait(holds: Callable[[], bool]) -> None:
        for _ in range(100):
            if holds():
                return
            page.wait_for_timeout(200)
        raise AssertionError("it never came to hold")

    return wait


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh window of 1280 x 800; an error in its console fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(40_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert not wrong

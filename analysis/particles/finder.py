"""The operator: the particles in slices of electrodes, with outlines and one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import xarray as xr

from ..device import to_host
from ..operators import AnalysisError, Calibration
from .evolution import ParticleNetwork
from .found import Found, assemble, drawn
from .lines import filled, mended, said
from .model import NAME, Model, model
from .pixels import clean
from .selection import select
from .sizing import typical_diameter
from .stars import Stars, star_maps
from .volume import ParticleVolume

ENGINES = ("auto", "torch", "openvino")
SCALES = (1 / 32, 4.0)
"""Limits of how much a slice is resampled."""
AS_IT_IS = 0.1
"""Relative change of size that isn't worth resampling."""


@dataclass(frozen=True)
class ParticleFinder:
    """Find the particles in slices: a StarDist network on slices of a suitable scale."""

    model: str = NAME
    """A network that comes with beamside, or the path of a card (`beamside models`)."""
    particle_um: float | None = None
    """Expected diameter of the particles, um; needs the pixel size. Sizes around it, from a half to
    twice, are found as well."""
    particle_px: float | None = None
    """The same in pixels of the image. Without either, a first look at the slice tells."""
    probability: float | None = None
    """Least probability of a particle; the network's own where it isn't given."""
    overlap: float | None = None
    """Part of the smaller of two particles that may overlap; likewise."""
    exact: bool = False
    """Look at every candidate as the official package does: up to ten times the time, and the same
    particles but for few in a hundred."""
    refine: bool = True
    """Improve outlines by what other places of the same particle say; the official package doesn't.
    """
    engine: str = "auto"
    """torch, openvino, or auto: OpenVINO on the CPU where it is installed, else torch."""
    half: bool | None = None
    """Compute in bfloat16. Not given: on a GPU, and on processors made for it (AMX, for one)."""
    eight_bits: bool | None = None
    """Compute in whole numbers of 8 bits, by OpenVINO: twice as quick where the processor is made
    for them. Not given: there, unless it is made for bfloat16."""
    device: str = "auto"
    """cpu, cuda, or auto: the GPU where there is one."""
    mend: bool = True
    """Fill rows and columns that don't belong between their neighbours: of a slice across a bad one
    of the volume, or what a detector lost."""
    slice_um: float | None = None
    """From one slice of a volume to the next, um, for what grows over a run; slices of other views
    tell it by their pixels."""
    network: bool = False
    """Whether network evolution of the particles of the volume is told too, as the volume grows."""
    maps: bool = True
    """Whether the map of labels is given; without it a result is small, and outlines tell the same.
    """

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        for module in ("torch", "numba"):
            if find_spec(module) is None:  # told at once, not slice by slice
                raise ValueError(f"no {module}: pip install 'beamside[networks,particles]'")
        for name in ("particle_um", "particle_px", "slice_um"):
            value = getattr(self, name)
            if value is not None and not _between(value, float("inf")):
                raise ValueError(f"{name} must be a number above 0, not {value!r}")
        if self.particle_um is not None and self.particle_px is not None:
            raise ValueError("give particle_um or particle_px, not both")
        if self.engine not in ENGINES:
            raise ValueError(f"engine is {', '.join(ENGINES)}, not {self.engine!r}")
        for name in ("probability", "overlap"):
            value = getattr(self, name)
            if value is not None and not _between(value, 1.0):
                raise ValueError(f"{name} must lie between 0 and 1, not be {value!r}")
        for name in ("exact", "refine", "half", "eight_bits", "mend", "network", "maps"):
            value = getattr(self, name)
            free = name in ("half", "eight_bits") and value is None
            if not (isinstance(value, bool) or free):
                raise ValueError(f"{name} is true or false, not {value!r}")

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        """Find the particles in `images[n, y, x]`; AnalysisError if nothing can be said.

        Without a calibrated pixel size lengths are in pixels.
        """
        if images.ndim != 3 or 0 in images.shape:
            raise AnalysisError(
                f"slices must be grey, [n, y, x] and not empty; these have shape {images.shape}"
            )
        pixel = _pixel(calibration)
        cleaned = [clean(to_host(image)) for image in images]
        whole = [mended(image) if self.mend else (image, []) for image, _ in cleaned]
        slices, lines = [image for image, _ in whole], [found for _, found in whole]
        notes = [f"frame {n}: {text}" for n, (_, said) in enumerate(cleaned) for text in said]
        notes += [f"frame {n}: {said(own)} filled in" for n, own in enumerate(lines) if own]
        network = model(self.model, self.engine, self.half, self.device, self.eight_bits)
        diameter, source = self._diameter(slices, network, pixel)
        found = self._found(slices, network, self._scale(network, diameter))
        data = assemble(found, slices, pixel)
        if any(lines):
            data = data.assign(filled(lines))
        if not self.maps:
            data = data.drop_vars("particle_map")
        data.attrs = self._attributes(network, diameter, source, calibration, notes)
        return data

    def over_run(self, calibration: Calibration) -> dict[str, ParticleVolume | ParticleNetwork]:
        """Say what grows over a run: the volume that the slices are of, and its network."""
        del calibration  # every slice says its own
        volume = ParticleVolume(slice_um=self.slice_um)
        grows: dict[str, ParticleVolume | ParticleNetwork] = {"volume": volume}
        return grows | ({"network": ParticleNetwork(volume)} if self.network else {})

    def _diameter(
        self, slices: Sequence[np.ndarray], network: Model, pixel: tuple[float, float] | None
    ) -> tuple[float | None, str]:
        """Diameter of the particles in pixels of the image, and how it is known."""
        if self.particle_px is not None:
            return self.particle_px, "settings"
        if self.particle_um is not None:
            if pixel is None:
                raise AnalysisError(
                    "particle_um needs the size of a pixel, and none is known: set "
                    "calibration.pixel_size, or give particle_px"
                )
            return self.particle_um / float(np.sqrt(pixel[0] * pixel[1])), "settings"
        for image in slices:
            if image.min() < image.max():
                diameter = typical_diameter(image, network)
                if diameter is not None:
                    return diameter, "first look"
        return None, "no particle at first look"

    def _scale(self, network: Model, diameter: float | None) -> float:
        """How much slices are enlarged for the network."""
        if diameter is None:
            return 1.0
        scale = network.particle_px / diameter
        return 1.0 if abs(scale - 1) < AS_IT_IS else float(np.clip(scale, *SCALES))

    def _found(self, slices: Sequence[np.ndarray], network: Model, scale: float) -> list[Found]:
        prob = self.probability or network.threshold("prob")
        nms = self.overlap or network.threshold("nms")
        shape = slices[0].shape
        rays = network.net.config.rays
        none = Stars(np.zeros((0, 2), np.float32), np.zeros((0, rays), np.float32), np.zeros(0))
        seen = [n for n, image in enumerate(slices) if image.min() < image.max()]
        stars = [none] * len(slices)
        if seen:
            maps = star_maps([slices[n] for n in seen], network, scale)
            for number, one in zip(seen, maps, strict=True):
                stars[number] = select(one, prob, nms, exact=self.exact, refine=self.refine)
        return [drawn(one, (shape[0], shape[1])) for one in stars]

    def _attributes(
        self,
        network: Model,
        diameter: float | None,
        source: str,
        calibration: Calibration,
        notes: list[str],
    ) -> dict[str, Any]:
        attrs: dict[str, Any] = {
            "title": "Particles in slices",
            "model": str(network.card.facts.get("name")),
            "model_sha256": network.card.sha256,
            "precision": network.precision,
            "particle_px_from": source,
            "calibration_origin": calibration.origin,
        }
        if diameter is not None:
            attrs["particle_px"] = round(diameter, 3)
        else:
            notes.append("no particle was seen at any scale")
        if calibration.pixel_size is None:
            notes.append("the pixel size is unknown: lengths are in pixels")
        if notes:
            attrs["note"] = "; ".join(notes)
        return attrs


def _between(value: object, most: float) -> bool:
    """Whether it is a number above 0 and below `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(0 < value < most)


def _pixel(calibration: Calibration) -> tuple[float, float] | None:
    """Size (y, x) of a pixel in um."""
    size = calibration.pixel_size
    if size is None:
        return None
    if not all(np.isfinite(p) and p > 0 for p in size):
        raise AnalysisError(f"the pixel size must be positive, not {size} nm")
    return size[0] * 1e-3, size[1] * 1e-3

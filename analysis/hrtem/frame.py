"""One image from pixels to grains: the stages in their order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..operators import AnalysisError
from .bare import bare
from .candidates import Candidates
from .complete import complete
from .correction import Correction
from .crop import View, fourier_crop
from .detect import Optics, Reflections, Spectra, detect, look
from .fractions import EDGE_ERROR, Fractions, fractions
from .gather import Prior
from .ghost import Ghost, ghost
from .grains import Grains, name_grains
from .groups import group
from .lens import Restored, lens_of, restore
from .maps import UNKNOWN, VACUUM, Grid, grain_map, label_maps, powers, strengths, upsampled
from .orientation import Orientation, orientations
from .regions import union
from .ring_views import RingViews, draw_rings
from .specimen import SMOOTH, contrast, specimen
from .spectrum import power_spectrum, spectrum
from .straight import halved, straight

FRINGED = 1e-8
"""Factor of the false alarms in an image that lies over a copy of itself: fringes through its
spectrum double the background at places, and so must the threshold."""
NONE = Correction()
WAVES = 1.2
"""Longest waves that a field must hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings of the operator in the unit that the image is measured in (nm or px)."""

    pixel: tuple[float, float]
    windows: tuple[float, ...]
    k_min: float
    k_max: float
    map_pixel: float
    calibrated: bool
    false_alarms: float
    scale_tolerance: float
    strain: float
    distortion: float
    unknown_prior: float
    label_above: float
    label_row_above: float
    workers: int
    detector: str = "classical"
    rings: int = 0
    fringes: bool = False
    anisotropy: float = 0.012
    """Standard deviation of pixel height over width."""
    shear: float = 0.008
    """The same for the angle between the axes, radian."""
    correction: Correction = NONE
    """Of the pixel grid; `pixel` holds scale and anisotropy of it."""

    @property
    def optics(self) -> Optics:
        """What detection needs of them."""
        return Optics(
            self.windows, self.k_min, self.k_max, self.false_alarms, self.workers, self.detector
        )

    @property
    def prior(self) -> Prior:
        """What identification needs of them."""
        return Prior(
            self.scale_tolerance,
            self.strain,
            self.distortion,
            self.unknown_prior,
            self.k_max,
            self.anisotropy,
            self.shear,
            self.correction.shear,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that one image says."""

    grid: Grid
    classes: np.ndarray
    confidence: np.ndarray
    grains_at: np.ndarray
    """Number from 1 of the grain of each pixel, int16."""
    spectrum: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    profile_k: np.ndarray
    profile_mean: np.ndarray
    profile_max: np.ndarray
    threshold: float
    """z that one spot must exceed."""
    reflections: Reflections
    grain: np.ndarray
    """Row of `grains` of each reflection, -1 for none."""
    grains: Grains
    orientation: Orientation
    fractions: Fractions
    rings: RingViews
    notes: tuple[str, ...] = ()
    """Doubts about the image."""


def analyse(image: np.ndarray, limits: Limits, known: Candidates) -> Found:
    """Find the reflections, grains and phases of `image[y, x]` (float32, finite)."""
    _check_field(image.shape, limits)
    view = fourier_crop(image, limits.pixel, limits.k_max, limits.workers)
    size = (image.shape[0] * limits.pixel[0], image.shape[1] * limits.pixel[1])
    shape = tuple(max(1, round(edge / limits.map_pixel)) for edge in size)
    grid = Grid((shape[0], shape[1]), size)
    power = power_spectrum(view)
    twice = ghost(view, power, limits.k_min, limits.k_max, limits.workers)
    if twice is not None:
        limits = replace(limits, false_alarms=limits.false_alarms * FRINGED)
    restored = _undone(view, power) if limits.calibrated and twice is None else None
    seen, spectra, single = look(view, limits.optics)
    found = detect(view, seen, single, spectra, limits.optics, restored)
    grain = group(found.regions.mask)
    inside = _inside(view, found, grain, grid, limits)
    grain, grains = name_grains(found, grain, known, limits.prior, limits.calibrated)
    found, grain, grains = complete(
        view, found, grain, grains, known, spectra, limits.optics, restored
    )
    strength, weight = (f(found, grain, len(grains)) for f in (strengths, powers))
    at = grain_map(strength, weight, inside, grid)
    at, grain, grains = _renumber(at, grain, grains, grid)
    label = grains.classes(limits.label_above, limits.label_row_above)
    classes, confidence = label_maps(at, inside, label, grains.probability(label))
    true = straight(found, limits.correction)  # the pixel size holds all but the shear
    return Found(
        grid,
        classes,
        confidence,
        at,
        *spectrum(view, power),
        *_profile(spectra, limits),
        single,
        halved(true),
        grain,
        grains,
        orientations(true, grain, grains, known, label > UNKNOWN),
        fractions(at, classes > VACUUM, grains.posterior, grid, EDGE_ERROR * limits.windows[0]),
        draw_rings(view, found, grid, limits.rings, limits.fringes),
        (*_narrow(size, limits), *(() if twice is None else (_doubt(twice, limits),))),
    )


def _narrow(size: tuple[float, float], limits: Limits) -> tuple[str, ...]:
    """What it means for the result that the field is smaller than the smallest window."""
    if min(size) >= limits.windows[0]:
        return ()
    unit = "nm" if limits.calibrated else "px"
    return (
        f"the field is {min(size):.3g} {unit} wide, less than the {limits.windows[0]:.3g} {unit} "
        "in which spots are looked for: few can be seen, and their places are less sure",
    )


def _doubt(twice: Ghost, limits: Limits) -> str:
    """What a second exposure means for the result."""
    unit = "nm" if limits.calibrated else "px"
    return (
        f"the image lies over a copy of itself {np.hypot(*twice.shift):.1f} {unit} away, a second "
        "exposure: spots had to be twice as strong, and places, areas and grains are doubtful"
    )


def _undone(view: View, power: np.ndarray) -> Restored | None:
    """The image with the signs of its lens turned back; None where no lens is seen."""
    lens = lens_of(view, power)
    return None if lens is None else restore(view, lens)


def _check_field(shape: tuple[int, ...], limits: Limits) -> None:
    """Refuse a field that does not span a few of the longest waves looked for."""
    edge = min(n * p for n, p in zip(shape, limits.pixel, strict=True))
    if edge * limits.k_min < WAVES:
        raise AnalysisError(
            f"the field is {edge:.3g} nm wide: too small for lattices of "
            f"{1 / limits.k_min:.2g} nm; check the pixel size"
        )


def _inside(
    view: View, found: Reflections, grain: np.ndarray, grid: Grid, limits: Limits
) -> np.ndarray:
    """Specimen on the pixels of the maps; crystals with nothing amorphous about them are of it."""
    window, samples = limits.windows[0], found.plane.shape
    fringed = upsampled(union(found.regions.mask, samples), grid) >= 0.5
    ratio = contrast(
        view,
        grid.shape,
        SMOOTH * window,
        (limits.k_min, limits.k_max),
        (found.ky, found.kx, 1.5 / window),
        limits.workers,
    )
    sigma = [SMOOTH * window * n / size for n, size in zip(grid.shape, grid.size, strict=True)]
    inside = specimen(ratio, fringed, 0.15 * window**2 / grid.pixel_area, (sigma[0], sigma[1]))
    crystals = bare(found, grain, upsampled(inside, Grid(samples, grid.size)))
    return np.asarray(inside | (upsampled(crystals, grid) >= 0.5))


def _profile(spectra: list[Spectra], limits: Limits) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k, mean and maximum of power over background: the finest k, the maximum of all scales."""
    fine = spectra[-1]
    bins = fine.background.bins
    rings = np.arange(len(bins.members))
    k = rings * bins.width
    there = np.array([ring.size > 0 for ring in bins.members], bool)
    use = (k >= limits.k_min) & (k <= limits.k_max) & there
    most = fine.profile_max
    for other in spectra[:-1]:
        own = np.arange(len(other.profile_max)) * other.background.bins.width
        most = np.maximum(most, np.interp(k, own, other.profile_max))
    return k[use], fine.profile_mean[use].astype(np.float32), most[use].astype(np.float32)


def _renumber(
    at: np.ndarray, grain: np.ndarray, grains: Grains, grid: Grid
) -> tuple[np.ndarray, np.ndarray, Grains]:
    """Largest grain first; those without a pixel (all of it outside the specimen) are left out."""
    count = np.bincount(at.ravel(), minlength=len(grains) + 1)[1:]
    order = np.argsort(-count, kind="stable")
    order = order[count[order] > 0]
    number = np.zeros(len(grains) + 1, np.int16)
    number[order + 1] = np.arange(1, len(order) + 1)
    sorted_grains = grains.keep(order)
    sums = [
        np.bincount(number[at].ravel(), np.broadcast_to(c, at.shape).ravel(), len(order) + 1)[1:]
        for c in (grid.centres(0)[:, None], grid.centres(1)[None, :])
    ]
    many = np.maximum(count[order], 1)
    placed = sorted_grains.place(sums[0] / many, sums[1] / many, count[order] * grid.pixel_area)
    return number[at], number[grain + 1].astype(np.int32) - 1, placed

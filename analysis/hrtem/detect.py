"""From an image to its reflections: where in k, where in the image, and how sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .background import Background, Rings, azimuthal, ring_background, rings
from .boxes import seen_at
from .carried import Undone, put_back
from .components import Sightings, join, link
from .crop import View
from .envelopes import BLUR, Plane, fringes, plane
from .gather import steep
from .groups import group, overlaps
from .lens import Lens, Restored
from .network import CANDIDATE, second_look, thresholds
from .peaks import Tally, find_peaks, lobes, pair_threshold, ratio, side_lobes, threshold
from .refine import Refined, k_sigma, refine
from .regions import Regions, regions
from .tiles import Tiling, tile_power, tiling

AZIMUTHAL = 64
"""Tiles, at least, that tell how the background varies around the rings."""
CARRIED = 0.1
"""Of its diameter that a region may be carried by the lens and count as where its grain is."""
RANGE = 1e-3
"""Power over that of the strongest reflection of the place below which none is believed."""


@dataclass(frozen=True, slots=True)
class Optics:
    """The settings that detection needs, in the image's own unit of length."""

    windows: tuple[float, ...]
    """Lengths of the tiles, smallest first."""
    k_min: float
    k_max: float
    false_alarms: float
    """Expected number of false spots in a frame of noise."""
    workers: int
    detector: str = "classical"
    """classical, or network: the spot network looks at weak candidates again."""


@dataclass(frozen=True, slots=True)
class Spectra:
    """What is kept of the tiles of one scale: the profile, and the background."""

    background: Background
    profile_mean: np.ndarray
    """Mean over tiles and ring of power over background, [ring]."""
    profile_max: np.ndarray


@dataclass(frozen=True, slots=True)
class Reflections:
    """What was found, one row each."""

    ky: np.ndarray
    kx: np.ndarray
    sigma: np.ndarray
    """Standard error of each component of k, from noise."""
    snr: np.ndarray
    """Power over background in the matched window."""
    regions: Regions
    plane: Plane
    noise: np.ndarray
    """Mean square envelope that noise leaves."""
    undone: Undone | None = None
    """The restored image, if what a lens did was undone before k was measured."""

    def __len__(self) -> int:
        return len(self.ky)

    @property
    def amplitude(self) -> np.ndarray:
        """Largest amplitude of the fringes, in counts: twice the envelope."""
        return np.asarray(2 * np.sqrt(self.regions.peak * self.noise))

    @property
    def diameter(self) -> np.ndarray:
        """Of the regions."""
        return self.regions.diameter

    @property
    def along(self) -> np.ndarray:
        """Standard error along k that the lens leaves, over the width of a spot, 1 / diameter."""
        if self.undone is None:
            return steep(np.hypot(self.ky, self.kx))
        return self.undone.by.lens.left(self.ky, self.kx, self.diameter)


def look(view: View, optics: Optics) -> tuple[Sightings, list[Spectra], float]:
    """Find the peaks of all tiles of all scales, and the z that one alone must exceed."""
    cuts = [tiling(view, length) for length in optics.windows]
    cuts = [cut for n, cut in enumerate(cuts) if n == 0 or cut.shape != cuts[n - 1].shape]
    bins = [rings(cut.shape, cut.pixel, optics.k_min, optics.k_max) for cut in cuts]
    trials = float(
        sum(np.prod(cut.grid) * int(b.inside.sum()) for cut, b in zip(cuts, bins, strict=True))
    )
    single, pair = _thresholds(optics, trials)
    parts, spectra = [], []
    for cut, rings_of in zip(cuts, bins, strict=True):
        part, spectrum = _scale(view, cut, rings_of, pair, optics)
        parts.append(part)
        spectra.append(spectrum)
    return join(parts), spectra, single


def _thresholds(optics: Optics, trials: float) -> tuple[float, float]:
    if optics.detector == "network":
        return thresholds(optics.false_alarms, trials)
    single = threshold(optics.false_alarms / 2, trials)
    return single, min(single, pair_threshold(optics.false_alarms / 2, trials))


def _scale(
    view: View, cut: Tiling, bins: Rings, above: float, optics: Optics
) -> tuple[Sightings, Spectra]:
    image = view.image if view.there is None else view.there[0]
    power = tile_power(image, cut, len(bins.kx), optics.workers)
    level = ring_background(power, cut, bins)
    some = slice(None, None, max(1, len(power) // AZIMUTHAL))
    factor = azimuthal(ratio(power[some].copy(), level[some], None, bins), bins)
    twice = optics.detector == "network"
    tally = Tally.start(CANDIDATE if twice else above, bins)
    z = ratio(power, level, factor, bins, tally)
    peaks = find_peaks(z, bins, tally.above, tally.hits)
    peaks = peaks.keep(~side_lobes(peaks, peaks.tile, cut.length))
    if twice:
        peaks = second_look(z, cut, peaks, above)
    centres = cut.centres(view.origin)[peaks.tile]
    seen = Sightings(
        centres[:, 0],
        centres[:, 1],
        peaks.ky,
        peaks.kx,
        peaks.z,
        np.full(len(peaks), cut.length),
    )
    mean, most = _profile(tally, len(z), bins)
    return seen, Spectra(Background(cut, bins, level, factor, view.origin), mean, most)


def _profile(tally: Tally, tiles: int, bins: Rings) -> tuple[np.ndarray, np.ndarray]:
    flat, inside = bins.ring[bins.inside], bins.inside.ravel()
    many = len(bins.members)
    count = np.maximum(np.bincount(flat, minlength=many), 1)
    mean = np.bincount(flat, tally.total[inside] / tiles, many) / count
    most = np.zeros(many, np.float32)
    np.maximum.at(most, flat, tally.most[inside])
    return mean, most


def detect(
    view: View,
    seen: Sightings,
    single: float,
    spectra: list[Spectra],
    optics: Optics,
    restored: Restored | None = None,
) -> Reflections:
    """Link the sightings, find their regions, and measure each in a window matched to it."""
    label = link(seen, single)
    used = np.flatnonzero(label >= 0)
    label, many = label[used], int(label.max(initial=-1)) + 1
    best = np.zeros(many, np.intp)
    order = np.argsort(seen.z[used], kind="stable")
    best[label[order]] = used[order]
    ky, kx = seen.ky[best], seen.kx[best]
    source = plane(view, optics.windows[0] / 8, BLUR * optics.windows[0])
    noise = spectra[0].background.at(seen.y[best], seen.x[best], ky, kx) * source.noise_gain
    support = seen_at(
        label,
        (seen.y[used], seen.x[used]),
        0.4 * seen.window[used],
        source.shape,
        source.pixel,
    )
    undone = None
    if restored is not None:
        undone = Undone(restored, plane(restored.view, optics.windows[0] / 8, source.blur))
    waves = fringes(source, ky, kx, ahead=True)
    found = regions(lambda row, box: waves.power(row, box, 1), noise, support, source.pixel)
    ky, kx, noise = ky[found.component], kx[found.component], noise[found.component]
    if undone is not None:
        found = put_back(found, ky, kx, noise, source, undone)
    return settle(view, found, ky, kx, spectra, source, optics, undone)


def settle(
    view: View,
    found: Regions,
    ky: np.ndarray,
    kx: np.ndarray,
    spectra: list[Spectra],
    source: Plane,
    optics: Optics,
    undone: Undone | None,
) -> Reflections:
    """Refine k on each region; drop what noise explains and what was found twice."""
    limits = (0.5 * optics.windows[0], 2 * optics.windows[0])
    if undone is not None:
        found = gathered(found, np.hypot(ky, kx), undone.by.lens)
    fine = refine(
        view,
        (found.y, found.x),
        (found.sigma_y, found.sigma_x),
        (ky, kx),
        limits,
        spectra[-1].background,
        None if undone is None else undone.by,
    )
    sign = np.where((fine.kx < 0) | ((fine.kx == 0) & (fine.ky < 0)), -1.0, 1.0)
    ky, kx = fine.ky * sign, fine.kx * sign
    local = spectra[0].background.at(found.y, found.x, ky, kx)
    snr = fine.snr
    k = np.hypot(ky, kx)
    good = (snr > 10) & (k > optics.k_min) & (k < optics.k_max)
    good &= ~_double(found, ky, kx, snr, fine)
    sigma = k_sigma(snr, fine.length)
    return Reflections(
        ky[good],
        kx[good],
        sigma[good],
        snr[good],
        found.keep(good),
        source,
        (local * source.noise_gain)[good],
        undone,
    )


def gathered(found: Regions, k: np.ndarray, lens: Lens) -> Regions:
    """Put regions that the lens carried where those of small `k` of their grain are.

    And make them as large: the lens widens them too, and a window must be like the grain.
    """
    grain = group(found.mask)
    weight = np.sqrt(found.peak) / k**3
    total = np.bincount(grain, weight)
    away = lens.carried(k) > CARRIED * found.diameter
    means = {}
    for name in ("y", "x", "sigma_y", "sigma_x"):
        own = getattr(found, name)
        means[name] = np.where(away, (np.bincount(grain, weight * own) / total)[grain], own)
    return replace(found, **means)


def _double(
    found: Regions, ky: np.ndarray, kx: np.ndarray, snr: np.ndarray, fine: Refined
) -> np.ndarray:
    """Which reflections are a stronger one of the same place again, or made by it.

    Within the main lobe of the matched window two are not told apart; further out the edge of a
    grain leaves lobes (see `side_lobes`), and everywhere a scan or a detector that is not linear
    leaves weak copies.
    """
    near = overlaps(found.mask).tocoo()
    one, two = near.row, near.col
    dk = np.minimum(
        np.hypot(ky[one] - ky[two], kx[one] - kx[two]),
        np.hypot(ky[one] + ky[two], kx[one] + kx[two]),
    )
    length = fine.length[two]
    first = (snr[two] > snr[one]) | ((snr[two] == snr[one]) & (two < one))
    lobe = lobes(snr[two], dk * found.diameter[two])
    weak = (dk < 1.25 / length) | (snr[one] < lobe) | (snr[one] < RANGE * snr[two])
    hit = (near.data > 0.15) & first & weak
    double = np.zeros(len(snr), bool)
    double[one[hit]] = True
    return double

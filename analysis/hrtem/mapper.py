"""The operator: which crystal phases are where in an HRTEM image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from ..device import like, to_host
from ..operators import GIVEN, AnalysisError, Calibration, RunOperator
from .applied import accuracy, chosen
from .candidates import Candidates, candidates
from .correction import Spread
from .frame import Found, Limits, analyse
from .library import Library, shipped
from .pixels import clean
from .ratios import by_ratios
from .rehearsal import rehearsal
from .sampling import SMALLEST, k_limits, window_of
from .selfcal import SelfCalibration
from .session import SessionMap
from .tables import assemble
from .uncalibrated import Uncalibrated

DETECTORS = ("classical", "network")
UNSCALED = 40
"""Best grains of an image without a pixel size that are named: without a scale it takes long."""
LOOKED_AT = 4
"""Images of a batch, at most, that tell how finely images without a pixel size sample lattices."""
ANISOTROPY, SHEAR = 0.012, 0.008
"""Standard deviations of a pixel grid's anisotropy and shear [rad] where nothing is known of it."""
MOST = {
    "false_alarms": 1e4,
    "k_min": 50.0,
    "k_max": 50.0,
    "map_pixel": 1e3,
    "scale_tolerance": 0.3,
    "strain_tolerance": 0.1,
    "distortion_tolerance": 0.1,
}
"""Largest values of settings that mean something; lengths in nm, or in px without a pixel size."""
FINEST = 0.01
"""Smallest pixel of a map, nm."""
WINDOWS = (0.5, 1e4)
"""Smallest and largest window, nm."""
KELVIN = (1.0, 3000.0)
"""Temperatures at which a specimen is looked at."""


@dataclass(frozen=True)
class PhaseMapper:
    """Map the crystal phases in HRTEM images: spots, grains, phases, and how sure all of it is."""

    candidates: str | tuple[str, ...] = "li-sei"
    """Phases that the chemistry allows: names of phases, or of sets (li-sei, na-sei, sei, oxides,
    cathodes, calibrants, all); `beamside phases list` tells them."""
    false_alarms: float = 0.1
    """Expected number of false spots in a frame that holds no crystal."""
    k_min: float = 1.5
    """Spots are looked for from here, 1/nm."""
    k_max: float = 8.3
    """... to here, 1/nm (d = 0.12 nm)."""
    windows: tuple[float, ...] = (7.7, 15.0)
    """Lengths of the Hann tiles, nm; grains of about half of that are seen best."""
    scale_tolerance: float = 0.02
    """Standard deviation of the relative error of the pixel size; shared by the grains of a frame.
    Headers are wrong by 2 to 8 %, so trust none below 0.01 before it is calibrated."""
    strain_tolerance: float = 0.004
    """Standard deviation of the relative error of one grain's lattice parameter."""
    distortion_tolerance: float = 0.004
    """Standard deviation of the relative misplacement of one spot: tilts, anisotropic pixels."""
    unknown_prior: float = 0.1
    """Probability, before looking, that a grain is none of the candidates."""
    label_above: float = 0.5
    """A grain is labelled with a phase whose posterior is at least this, else `unknown`."""
    label_row_above: float = 0.5
    """The same for a grain that shows only one row of spots: d alone rarely tells the phase, but
    with the frame's scale and the phases that its other grains are it often does."""
    map_pixel: float = 0.5
    """Pixel of the maps, nm."""
    temperature: float | None = None
    """Of the specimen, K; overrides the calibration's. Cells follow it where the expansion is
    known."""
    calibration: str | tuple[float, ...] = "accepted"
    """Correction of the pixel grid: `accepted` for what a person accepts (nothing before that),
    `header` for none whatever is accepted, or (scale, anisotropy, shear) as `beamside calibrate`
    says, their standard deviations behind them where they are known."""
    detector: str = "classical"
    """`classical`, or `network`: the spot network looks at weak candidates again (about five times
    the time; the extra `networks`)."""
    rings: int = 0
    """How many of the strongest rings (spots of one spacing) are drawn: `heat_1`... in the result,
    the amplitude of their fringes, and the table `ring_*`."""
    fringes: bool = False
    """Whether the inverse transform of each of those rings is given too (`fringes_1`...), at the
    resolution of k_max: megabytes for each."""
    workers: int = 1
    """Threads of the FFTs."""
    library: Library = field(default_factory=shipped, repr=False, metadata=GIVEN)
    """The phases to choose from: a service gives the user's own with the shipped ones."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        for name, most in MOST.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(
                    f"{name} must be above 0, and {most:g} at most, not {getattr(self, name)!r}"
                )
        if not self.map_pixel >= FINEST:
            raise ValueError(f"map_pixel must be {FINEST:g} nm at least, not {self.map_pixel!r}")
        if self.temperature is not None and not KELVIN[0] <= self.temperature <= KELVIN[1]:
            raise ValueError(
                f"temperature must lie between {KELVIN[0]:g} and {KELVIN[1]:g} K, not be "
                f"{self.temperature!r}"
            )
        if not self.k_min < self.k_max:
            raise ValueError(f"k_max must exceed k_min = {self.k_min}, not be {self.k_max!r}")
        for name in ("unknown_prior", "label_above", "label_row_above"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not be {getattr(self, name)!r}")
        if not self.windows or not all(WINDOWS[0] <= w <= WINDOWS[1] for w in self.windows):
            raise ValueError(
                f"windows must be lengths from {WINDOWS[0]:g} to {WINDOWS[1]:g} nm, not "
                f"{self.windows!r}"
            )
        if self.detector not in DETECTORS:
            raise ValueError(f"detector is {' or '.join(DETECTORS)}, not {self.detector!r}")
        chosen(self.calibration)
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, not {self.workers!r}")
        if self.rings < 0:
            raise ValueError(f"rings must be a number from 0 up, not {self.rings!r}")

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        """Find the phases in `images[n, y, x]`; AnalysisError if nothing can be said.

        Without a pixel size everything is given in pixels; grains are named as far as ratios of
        lengths and angles tell, and the pixel sizes that they agree on are in `pixel`.
        """
        if images.ndim != 3 or 0 in images.shape:
            raise AnalysisError(
                f"images must be grey, [n, y, x] and not empty; these have shape {images.shape}"
            )
        known = self._known(calibration)
        limits = self._limits(calibration)
        if not limits.calibrated:
            limits = self._in_pixels(self._window(images))
        found: list[Found] = []
        notes: list[str] = []
        for number in range(len(images)):
            image, note = clean(to_host(images[number]))
            found.append(analyse(like(image, images), limits, known))
            notes += [f"frame {number}: {text}" for text in (*note, *found[-1].notes)]
        said = assemble(found, limits, known, calibration, notes)
        if limits.calibrated:
            return said
        named, options = by_ratios(found, said, limits, self._uncalibrated(calibration))
        return assemble(named, limits, known, calibration, notes).merge(options)

    def _window(self, images: np.ndarray) -> float:
        """Windows for images without a pixel size, by some of them."""
        some = images[:: -(-len(images) // LOOKED_AT)]
        return window_of(
            [clean(to_host(image))[0] for image in some], self.false_alarms, self.workers
        )

    def _uncalibrated(self, calibration: Calibration) -> Uncalibrated:
        return Uncalibrated(
            candidates=self.candidates,
            unknown_prior=self.unknown_prior,
            grains=UNSCALED,
            temperature=self._kelvin(calibration),
            library=self.library,
        )

    def prepare(self) -> None:
        """Analyse a small image, so that the first frame finds modules and tables in memory."""
        images, pixel = rehearsal(self.k_min, self.k_max)
        self(images, Calibration(pixel_size=(pixel, pixel)))

    def over_run(self, calibration: Calibration) -> Mapping[str, RunOperator]:
        """What grows over a run whose pixels have a size.

        `calibration`: the self-calibration of the pixel grid, with the same candidates at the same
        temperature; it is applied only when accepted. `map`: the fractions of all frames, and one
        map of those whose place on the stage is known.
        """
        if calibration.pixel_size is None:
            return {}
        own = SelfCalibration(
            candidates=self.candidates,
            strain=self.strain_tolerance,
            distortion=self.distortion_tolerance,
            k_max=self.k_max,
            temperature=self._kelvin(calibration),
            library=self.library,
        )
        return {"calibration": own, "map": SessionMap()}

    def _kelvin(self, calibration: Calibration) -> float | None:
        return self.temperature if self.temperature is not None else calibration.temperature

    def _known(self, calibration: Calibration) -> Candidates:
        names = self.candidates
        kelvin = self._kelvin(calibration)
        try:
            names = names if isinstance(names, str) else tuple(names)
            return candidates(names, kelvin, self.k_max, self.library)
        except LookupError as error:
            raise AnalysisError(str(error.args[0])) from error

    def _limits(self, calibration: Calibration) -> Limits:
        """The settings in the unit that the image is measured in."""
        header = calibration.pixel_size
        if header is None:
            return self._in_pixels()
        if not all(np.isfinite(p) and p > 0 for p in header):
            raise AnalysisError(f"the pixel size must be positive, not {header} nm")
        correction = chosen(self.calibration, calibration.correction)
        pixel, known = correction.pixel(header), not correction.nothing
        left = Spread(self.scale_tolerance, ANISOTROPY, SHEAR)
        if known:
            left = accuracy(self.calibration, calibration.correction_sigma)
        nyquist = 0.5 / max(pixel)
        if nyquist < 2 * self.k_min:
            raise AnalysisError(
                f"a pixel of {max(pixel):g} nm shows no lattice below {2 * max(pixel):g} nm, but "
                f"the lattices looked for are {1 / self.k_max:.2f} to {1 / self.k_min:.2f} nm: "
                "check the pixel size, or use a higher magnification"
            )
        return Limits(
            pixel=pixel,
            windows=tuple(sorted(self.windows)),
            k_min=self.k_min,
            k_max=self.k_max,
            map_pixel=self.map_pixel,
            calibrated=True,
            false_alarms=self.false_alarms,
            scale_tolerance=min(self.scale_tolerance, left.scale),
            strain=self.strain_tolerance,
            distortion=self.distortion_tolerance,
            unknown_prior=self.unknown_prior,
            label_above=self.label_above,
            label_row_above=self.label_row_above,
            workers=self.workers,
            detector=self.detector,
            rings=self.rings,
            fringes=self.fringes and self.rings > 0,
            anisotropy=left.anisotropy,
            shear=left.shear,
            correction=correction,
        )

    def _in_pixels(self, window: float = SMALLEST) -> Limits:
        """Windows of so many pixels, whatever they measure."""
        k_min, k_max = k_limits(window)
        measured = replace(
            self,
            calibration="header",
            windows=(window, 2 * window),
            k_min=k_min,
            k_max=k_max,
            map_pixel=window / 16,
        )
        limits = measured._limits(Calibration(pixel_size=(1.0, 1.0)))
        return replace(limits, calibrated=False)

"""HRTEM phantoms: images of crystalline grains in an amorphous film, with known truth.

    phantom = make(seed=7, shape=(1024, 1024), dose=150.0)
    phantom.image        uint16[y, x], counts
    phantom.phase_map    uint8[y, x], index into phantom.meta["labels"]
    phantom.save("phantom.npz")

The same seed and settings give the same phantom, to the last count.
"""

from __future__ import annotations

from .grains import Specimen
from .optics import Microscope
from .phantom import Phantom, look
from .sequence import frames

__all__ = ["Microscope", "Phantom", "Specimen", "frames", "look", "make", "mosaic"]


def make(
    seed: int,
    shape: tuple[int, int] = (2048, 2048),
    *,
    phases: tuple[str, ...] = ("Li", "Li2O", "LiF", "Li2CO3"),
    n_grains: int | None = None,
    vacuum: float = 0.15,
    null: bool = False,
    pixel_nm: float = 0.03,
    dose: float = 500.0,
    voltage: float = 300.0,
    defocus: float | None = None,
    header_scale_error: float = 0.0,
) -> Phantom:
    """Make a phantom of `shape` (y, x); lengths in nm, dose in e/A^2, voltage in kV.

    `null` leaves the crystals out. The settings behind these are in `Specimen` and `Microscope`;
    to set any of them, call `look`.
    """
    specimen = Specimen(phases=phases, n_grains=0 if null else n_grains, vacuum=vacuum)
    microscope = Microscope(
        pixel=pixel_nm,
        dose=dose,
        voltage=voltage,
        defocus=defocus,
        header_scale_error=header_scale_error,
    )
    return look(seed, shape, specimen, microscope)


def mosaic(seed: int = 1) -> Phantom:
    """Make the dense mosaic of the benchmarks: 67 grains on 4096 x 4096 pixels of 0.03 nm."""
    specimen = Specimen(n_grains=67, diameter=(6.0, 20.0), vacuum=0.05)
    return look(seed, (4096, 4096), specimen, Microscope())

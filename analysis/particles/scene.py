"""A volume of labels seen from outside: for every point of a picture the particle and its shade.

Parallel rays march through the volume until they meet a particle; light falls from above, left of
who looks, on the surface of the smoothed solid (Levoy, IEEE Comput. Graph. Appl. 8 (1988) 29).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import xarray as xr

from .balls import Spacing
from .kernels import compiled, march

STEP = 0.5
"""Of a march, cells."""
SMOOTHING = 1.2
"""Of the solid whose surface is lit, cells."""
DARKEST = 0.3
SEAM = 0.55
"""What is left of the light where one particle meets another in the picture."""
TURNED = 400
"""Points along a picture of a volume that is being turned: some 50 ms."""
FINEST = 1 << 22
"""Cells that are looked at; larger volumes are seen coarser."""


@dataclass(frozen=True)
class Scene:
    """From where a volume is looked at."""

    azimuth: float = 35.0
    """Around z, degrees."""
    elevation: float = 28.0
    """Above the plane of y and x, degrees."""
    pixels: int = 320
    """Of the picture, along its longer side."""
    opened: bool = True
    """Whether the corner that is nearest is cut out, so that the inside is seen."""
    steady: bool = False
    """Whether the picture is a square of one size from wherever it is looked at."""

    def __call__(self, labels: np.ndarray, voxel: Spacing = (1, 1, 1)) -> xr.Dataset:
        """Look at labels[z, y, x] of cells `voxel` (z, y, x); z is up.

        Along `row` and `column`: `seen`, the label, 0 where nothing is; `shade`, light from 0 to 1.
        """
        met = self.met(labels, voxel)
        seen, shade = met.seen, self.shade(met)
        dims = ("row", "column")
        return xr.Dataset(
            {
                "seen": (dims, seen, {"long_name": "particle that is seen; 0 none"}),
                "shade": (dims, shade, {"long_name": "light on it", "units": "1"}),
            },
            attrs={"title": "particles from outside", **_said(self)},
        )

    def met(self, labels: np.ndarray, voxel: Spacing = (1, 1, 1)) -> Met:
        """Find what each ray meets first."""
        cells, size = _coarse(labels, np.asarray(voxel, float))
        cells = np.ascontiguousarray(cells)
        if self.opened:
            cells = self._cut(cells)
        away, right, up = self._axes()
        places, shape, reach, step = self._screen(np.array(cells.shape) * size, right, up)
        seen, hit = _march(cells, size, places, away, reach)
        return Met(seen.reshape(shape), hit, cells, size, step)

    def shade(self, met: Met) -> np.ndarray:
        """Light on what is met, float32 [row, column], 0 to 1; 0 where nothing is."""
        light = _light(*self._axes())
        shade = _shade(met.cells, met.size, met.hit, met.seen.ravel() > 0, light)
        shade = shade.reshape(met.seen.shape)
        shade[seams(met.seen)] *= SEAM
        return shade

    def _axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Away from who looks, right, and up, as unit vectors (z, y, x)."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        away = np.array([-np.sin(e), np.cos(e) * np.cos(a), np.cos(e) * np.sin(a)])
        right = np.array([0.0, -np.sin(a), np.cos(a)])
        up = np.array([np.cos(e), np.sin(e) * np.cos(a), np.sin(e) * np.sin(a)])
        return away, right, up

    def _cut(self, cells: np.ndarray) -> np.ndarray:
        """Take the corner away that is nearest to who looks."""
        away = self._axes()[0]
        near = tuple(
            slice(None, n // 2) if way > 0 else slice(n - n // 2, None)
            for way, n in zip(away, cells.shape, strict=True)
        )
        cells = cells.copy()
        cells[near] = 0
        return cells

    def _screen(
        self, whole: np.ndarray, right: np.ndarray, up: np.ndarray
    ) -> tuple[np.ndarray, tuple[int, int], float, float]:
        """Points of the picture in the volume [point, 3], rows and columns, half depth, pitch."""
        corners = (np.indices((2, 2, 2)).reshape(3, -1).T - 0.5) * whole
        wide, high = np.ptp(corners @ right), np.ptp(corners @ up)
        if self.steady:
            wide = high = float(np.linalg.norm(whole))
        step = max(wide, high) / self.pixels
        rows, columns = max(1, round(high / step)), max(1, round(wide / step))
        v = (np.arange(rows) - (rows - 1) / 2) * -step
        u = (np.arange(columns) - (columns - 1) / 2) * step
        places = whole / 2 + v[:, None, None] * up + u[None, :, None] * right
        half = float(np.linalg.norm(whole)) / 2
        return places.reshape(-1, 3), (rows, columns), half, float(step)


@dataclass(frozen=True)
class Met:
    """What rays meet in a volume."""

    seen: np.ndarray
    """int32 [row, column]: label; 0 where nothing is"""
    hit: np.ndarray
    """float32 [ray, (z, y, x)], cells: where"""
    cells: np.ndarray
    """The labels that were looked at [z, y, x]."""
    size: np.ndarray
    """Sides (z, y, x) of a cell."""
    step: float
    """From one point of the picture to the next, as long as `size` is told."""


def turned(azimuth: float, elevation: float) -> Scene:
    """Look at a volume that is being turned."""
    return Scene(azimuth, elevation, TURNED, opened=False, steady=True)


def valued(seen: np.ndarray, names: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values where their names are seen, float [row, column]; NaN where nothing is."""
    highest = max(int(seen.max(initial=0)), int(names.max(initial=0)))
    by_label = np.full(highest + 1, np.nan)
    by_label[names] = values
    by_label[0] = np.nan
    return np.asarray(by_label[seen])


def _said(scene: Scene) -> dict[str, float]:
    return {"azimuth": scene.azimuth, "elevation": scene.elevation}


def _coarse(labels: np.ndarray, voxel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every n-th voxel, so that no more than FINEST are left, and their size."""
    step = max(1, int(np.ceil(np.cbrt(labels.size / FINEST))))
    middle = tuple(slice(min(step // 2, n - 1), None, step) for n in labels.shape)
    cells = np.asarray(labels[middle])
    whole = np.array(labels.shape) * voxel
    return cells, whole / np.array(cells.shape)


def _light(away: np.ndarray, right: np.ndarray, up: np.ndarray) -> np.ndarray:
    way = -away - 0.5 * right + 0.7 * up
    return np.asarray(way / np.linalg.norm(way))


def _march(
    cells: np.ndarray, size: np.ndarray, places: np.ndarray, away: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """What each ray meets first, int32 [ray], and where, in cells [ray, 3]."""
    seen, hit = np.zeros(len(places), np.int32), np.zeros((len(places), 3), np.float32)
    way = away / size
    step = STEP / float(np.abs(way).max())
    start = np.ascontiguousarray(places / size - reach * way)
    compiled(march)(cells, start, way * step, int(2 * reach / step) + 1, seen, hit)
    return seen, hit


def _shade(
    cells: np.ndarray, size: np.ndarray, hit: np.ndarray, met: np.ndarray, light: np.ndarray
) -> np.ndarray:
    """Light on each point that was met, float32 [ray]; 0 where nothing is."""
    solid = np.pad(cells > 0, 2).astype(np.float32)
    scipy.ndimage.gaussian_filter(solid, SMOOTHING, output=solid)
    at = hit[met].T + 1.5  # padded, and cells have their middle at whole numbers here
    normal = np.empty((at.shape[1], 3), np.float32)
    for axis in range(3):
        ahead, behind = at.copy(), at.copy()
        ahead[axis] += 1
        behind[axis] -= 1
        one, other = (scipy.ndimage.map_coordinates(solid, p, order=1) for p in (ahead, behind))
        normal[:, axis] = (other - one) / size[axis]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    shade = np.zeros(len(hit), np.float32)
    shade[met] = DARKEST + (1 - DARKEST) * np.clip(normal @ light, 0, 1)
    return shade


def seams(seen: np.ndarray) -> np.ndarray:
    """Where a particle meets another in the picture."""
    seam = np.zeros(seen.shape, bool)
    for axis in range(2):
        one, other = np.moveaxis(seen, axis, 0)[:-1], np.moveaxis(seen, axis, 0)[1:]
        np.moveaxis(seam, axis, 0)[:-1] |= (one != other) & (one > 0) & (other > 0)
    return seam

"""What a grain's lattice adds: its weak reflections, and a better place of those that were found.

Where a reflection must be is known before looking, so far fewer places are tried than in the whole
half plane and the threshold is lower at the same rate of false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.sparse

from .background import Background
from .candidates import Candidates
from .crop import View
from .detect import Optics, Reflections, Spectra
from .envelopes import envelopes_within
from .grains import Grains
from .lattice import LOCAL, errors, lattices
from .lens import Restored
from .peaks import SLACK
from .refine import Refined, glance, k_sigma, refine
from .regions import Regions, bounds

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Along y and along x."""

CLOSE = 0.9
"""Over the window's length: a node nearer than this to a spot of its grain is that spot."""
ASTRAY = 0.5
"""The same: a maximum further than this from its node isn't of it."""
FAINTEST = 0.02
"""|F| over the largest of a phase of the reflections looked for."""
LOOKS = 4.0
"""Independent frequencies within `ASTRAY` of a node."""


@dataclass(frozen=True, slots=True)
class _Nodes:
    """Where reflections should be, one row each."""

    grain: np.ndarray
    parent: np.ndarray
    """The strongest reflection found of that grain."""
    hkl: np.ndarray
    k: np.ndarray
    sigma: np.ndarray

    def keep(self, which: np.ndarray) -> _Nodes:
        """Take some of the rows."""
        return _Nodes(*(getattr(self, name)[which] for name in _Nodes.__slots__))


def complete(
    view: View,
    found: Reflections,
    grain: np.ndarray,
    grains: Grains,
    known: Candidates,
    spectra: list[Spectra],
    optics: Optics,
    restored: Restored | None = None,
) -> tuple[Reflections, np.ndarray, Grains]:
    """Look for the missing reflections of each lattice, then put all on their lattices.

    `grain` is the row of `grains` of each of `found`; both are given back with what was added.
    """
    if not len(found):
        return found, grain, grains
    nodes = _nodes(found, grain, grains, known, optics)
    if len(nodes.k):
        above = np.log(LOOKS * len(nodes.k) / optics.false_alarms) + SLACK
        likely = glance(view, *_where(found, nodes), *_how(spectra, optics)) > above / 2
        found, grain, grains = _add(
            view, found, grain, grains, nodes.keep(likely), above, spectra, optics, restored
        )
    return _settle(found, grain, grains, known), grain, grains


def _nodes(
    found: Reflections, grain: np.ndarray, grains: Grains, known: Candidates, optics: Optics
) -> _Nodes:
    parts = [_Nodes(*(np.zeros(0, np.intp),) * 2, np.zeros((0, 3), int), *(np.zeros(0),) * 2)]
    for one in lattices(found, grain, grains, known):
        phase = known.phases[int(grains.posterior[one.grain].argmax())]
        hkl = phase.hkl[(phase.hkl @ grains.zone[one.grain] == 0) & (phase.amplitude > FAINTEST)]
        k = one.place(hkl)
        inside = (k.real > 0) & (np.abs(k) > optics.k_min) & (np.abs(k) < optics.k_max)
        hkl, k = hkl[inside], k[inside]
        own = np.flatnonzero(grain == one.grain)
        missing = _apart(found, own, k) > CLOSE / _length(found.diameter[one.rows].max(), optics)
        hkl, many = hkl[missing], int(missing.sum())
        parent = own[found.snr[own].argmax()]
        parts.append(
            _Nodes(
                np.full(many, one.grain),
                np.full(many, parent),
                hkl,
                k[missing],
                one.sigma(hkl),
            )
        )
    names = _Nodes.__slots__
    return _Nodes(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _apart(found: Reflections, rows: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Distance of each k to the nearest of the rows, or its Friedel partner."""
    there = found.kx[rows] + 1j * found.ky[rows]
    both = np.concatenate([there, -there])
    nearest: np.ndarray = np.abs(k[:, None] - both).min(axis=1)
    return nearest


def _length(diameter: float, optics: Optics) -> float:
    return max(1.75 * diameter, 0.5 * optics.windows[0])


def _where(found: Reflections, nodes: _Nodes) -> tuple[Pair, Pair, Pair]:
    """Place, spread and k of the windows."""
    at = found.regions
    return (
        (at.y[nodes.parent], at.x[nodes.parent]),
        (at.sigma_y[nodes.parent], at.sigma_x[nodes.parent]),
        (nodes.k.imag, nodes.k.real),
    )


def _how(spectra: list[Spectra], optics: Optics) -> tuple[tuple[float, float], Background]:
    return (0.5 * optics.windows[0], 2 * optics.windows[0]), spectra[-1].background


def _add(
    view: View,
    found: Reflections,
    grain: np.ndarray,
    grains: Grains,
    nodes: _Nodes,
    above: float,
    spectra: list[Spectra],
    optics: Optics,
    restored: Restored | None,
) -> tuple[Reflections, np.ndarray, Grains]:
    """Measure at the nodes; what exceeds the threshold for so many places joins the grain."""
    fine = refine(view, *_where(found, nodes), *_how(spectra, optics), restored)
    moved = np.hypot(fine.ky - nodes.k.imag, fine.kx - nodes.k.real)
    good = (fine.snr > above) & (moved < np.hypot(ASTRAY / fine.length, nodes.sigma))
    rows = np.flatnonzero(good)
    if not rows.size:
        return found, grain, grains
    more = replace(
        grains,
        hkl=np.concatenate([grains.hkl, nodes.hkl[rows]]),
        explained=np.concatenate([grains.explained, np.ones(len(rows), bool)]),
        spots=grains.spots + np.bincount(nodes.grain[rows], minlength=len(grains)),
    )
    joined = _join(found, nodes.parent[rows], fine, rows, spectra)
    return joined, np.concatenate([grain, nodes.grain[rows]]), more


def _join(
    found: Reflections, parent: np.ndarray, fine: Refined, rows: np.ndarray, spectra: list[Spectra]
) -> Reflections:
    """Put the new reflections behind those found, in the places of their parents."""
    sign = np.where(fine.kx[rows] < 0, -1.0, 1.0)
    ky, kx, snr = fine.ky[rows] * sign, fine.kx[rows] * sign, fine.snr[rows]
    at = found.regions
    level = spectra[0].background.at(at.y[parent], at.x[parent], ky, kx)
    noise = level * found.plane.noise_gain
    inside = [at.mask.indices[at.mask.indptr[n] : at.mask.indptr[n + 1]] for n in parent]
    boxes = [bounds(places, found.plane.shape) for places in inside]
    powers = envelopes_within(found.plane, ky, kx, boxes)
    peak = np.array([power.max() for power in powers]) / noise
    return Reflections(
        np.concatenate([found.ky, ky]),
        np.concatenate([found.kx, kx]),
        np.concatenate([found.sigma, k_sigma(snr, fine.length[rows])]),
        np.concatenate([found.snr, snr]),
        _beside(at, parent, peak),
        found.plane,
        np.concatenate([found.noise, noise]),
        found.undone,
    )


def _beside(old: Regions, parent: np.ndarray, peak: np.ndarray) -> Regions:
    """Regions of reflections too weak to show their own: those of the parents."""
    first = int(old.component.max(initial=-1)) + 1
    moments = ("y", "x", "sigma_y", "sigma_x")
    return Regions(
        np.concatenate([old.component, first + np.arange(len(parent))]),
        scipy.sparse.csr_array(scipy.sparse.vstack([old.mask, old.mask[parent]])),
        np.concatenate([old.peak, peak]),
        *(np.concatenate([getattr(old, name), getattr(old, name)[parent]]) for name in moments),
    )


def _settle(
    found: Reflections, grain: np.ndarray, grains: Grains, known: Candidates
) -> Reflections:
    """Move each reflection of a lattice towards its node, by the weights of the two places."""
    ky, kx, sigma = found.ky.copy(), found.kx.copy(), found.sigma.copy()
    own = errors(found)
    for one in lattices(found, grain, grains, known):
        rows, hkl = one.rows, grains.hkl[one.rows]
        k, node = kx[rows] + 1j * ky[rows], one.place(hkl)
        local = LOCAL * np.abs(k)
        share = local**2 / (local**2 + own[rows] ** 2)
        k = node + share * (k - node)
        ky[rows], kx[rows] = k.imag, k.real
        sigma[rows] = np.minimum(sigma[rows], np.hypot(one.sigma(hkl), local * np.sqrt(1 - share)))
    flip = np.where((kx < 0) | ((kx == 0) & (ky < 0)), -1.0, 1.0)
    return replace(found, ky=ky * flip, kx=kx * flip, sigma=sigma)
